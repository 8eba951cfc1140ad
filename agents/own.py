"""One's own Python by address, ``MODULE:CALLABLE``: found and called, and what is wrong with it said in one line."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def own(kind: str, path: str, error: Callable[[str], Exception]) -> Callable[..., Any]:
    """The class or function at ``path``, which stands behind ``kind`` (as ``python:``) in its address.

    Raises what ``error`` makes of a line that begins with the address.
    """
    module, _, name = path.partition(":")
    where = f"{kind}{path}"
    if not module or not name:
        raise error(f"{where} is not {kind}MODULE:CALLABLE")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except (Exception, SystemExit) as problem:  # one's own module can fail in any way
        hint = "; start in its folder, or name that in PYTHONPATH" if isinstance(problem, ModuleNotFoundError) else ""
        raise error(f"{where}: cannot import {module} ({line_of(problem)}){hint}") from problem
    if not callable(found):
        raise error(f"{where}: {module} has no class or function {name!r}")
    make: Callable[..., Any] = found
    return make


def made_by_own(kind: str, path: str, error: type[Exception]) -> Any:
    """What that gives when it is called with nothing. An ``error`` that it raises itself has its own words."""
    make = own(kind, path, error)
    try:
        return make()
    except error:
        raise
    except Exception as problem:
        raise error(f"{kind}{path}: {path.partition(':')[2]}() failed ({line_of(problem)})") from problem


def line_of(error: BaseException) -> str:
    """An error's kind and message, as a line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
