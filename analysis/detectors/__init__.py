"""Jargon detectors by address: ``calculator``, ``pattern:REGEX``, ``ngrams:FILE`` and ``python:MODULE:CALLABLE``.

Others join by ``register``. Importing this costs no heavy import. docs/DETECTORS.md has definitions and figures.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

from analysis.detectors.base import Detector, DetectorError, DetectorTimeoutError, Range

__all__ = ["Detector", "DetectorError", "DetectorTimeoutError", "Factory", "Range", "load_detector", "register"]

Factory = Callable[[str | None], Detector]
"""Makes a detector from what follows the colon of its address; None if there is no colon."""


def _calculator(rest: str | None) -> Detector:
    from analysis.detectors.patterns import Calculator

    if rest is not None:
        raise DetectorError(f"calculator takes nothing behind a colon: calculator:{rest}")
    return Calculator()


def _pattern(expression: str | None) -> Detector:
    from analysis.detectors.patterns import Pattern

    if not expression:
        raise DetectorError("pattern needs a regular expression: pattern:REGEX, as in pattern:\\[\\[")
    return Pattern(expression)


def _ngrams(path: str | None) -> Detector:
    from analysis.detectors.ngrams import NgramDetector

    if not path:
        raise DetectorError("ngrams needs a file that was mined: ngrams:FILE")
    return NgramDetector.load(path)


def _python(path: str | None) -> Detector:
    """The detector that one's own class or function makes."""
    from agents.own import made_by_own

    detector: Detector = made_by_own("python:", path or "", DetectorError)
    fits = isinstance(getattr(detector, "name", None), str) and callable(getattr(detector, "find", None))
    if isinstance(detector, type) or not fits:
        raise DetectorError(f"python:{path}: what this gives is no detector; it needs a name and find(text, start)")
    return detector


_FACTORIES: dict[str, Factory] = {
    "calculator": _calculator,
    "ngrams": _ngrams,
    "pattern": _pattern,
    "python": _python,
}


def register(name: str, factory: Factory) -> None:
    """Makes ``name`` and ``name:REST`` addresses of a detector. Raises DetectorError if taken, or if it has a colon."""
    if not name or ":" in name or name != name.strip():
        raise DetectorError(f"a detector's name has no colon and no space around it: {name!r}")
    if name in _FACTORIES:
        raise DetectorError(f"there is a detector {name!r} already")
    _FACTORIES[name] = factory


def load_detector(address: str) -> Detector:
    """The detector at an address. Raises DetectorError, in one line, if there is none or it cannot be had."""
    name, colon, rest = address.partition(":")
    factory = _FACTORIES.get(name)
    if factory is None:
        near = difflib.get_close_matches(name.strip().casefold(), _FACTORIES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DetectorError(f"no detector {name!r}; there are {', '.join(sorted(_FACTORIES))}{hint}")
    return factory(rest if colon else None)
