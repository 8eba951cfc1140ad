"""Turn-taking episodes between agents: tasks, handoff policies, episodes, engines, and ``python -m arena.run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arena.arena import Arena

__all__ = ["Arena"]


def __getattr__(name: str) -> Any:
    if name == "Arena":  # imported when asked for: importing the package costs no heavy import
        from arena.arena import Arena

        return Arena
    raise AttributeError(f"module 'arena' has no attribute {name!r}")
