"""Turn-taking episodes between agents: tasks, handoff policies, episodes, engines, and ``python -m arena.run``."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arena.arena import Arena

__all__ = ["Arena"]


def _check_agents() -> None:
    """Raises ImportError if another project's package is found under the name ``agents``: there is a known one."""
    found = importlib.util.find_spec("agents")
    folder = Path(found.origin).parent if found is not None and found.origin else Path()
    if not (folder / "contract.py").is_file():
        raise ImportError(
            f"the name 'agents' belongs to another package here ({folder}); "
            "install tandem-arena in an environment of its own"
        )


_check_agents()


def __getattr__(name: str) -> Any:
    if name == "Arena":  # imported when asked for: importing the package costs no heavy import
        from arena.arena import Arena

        return Arena
    raise AttributeError(f"module 'arena' has no attribute {name!r}")
