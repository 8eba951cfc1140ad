"""What a person is asked for, in words."""

from __future__ import annotations

from typing import Protocol

_PLURALS = {"token": "characters", "spaced-token": "pieces"}
_NAMES = {"token": "character", "spaced-token": "piece"}


class Asked(Protocol):
    """What is said of it: an `agents.desk.Asking`, or a message of one."""

    @property
    def unit(self) -> str: ...
    @property
    def held(self) -> int | None: ...
    @property
    def words_left(self) -> int: ...
    @property
    def opening(self) -> bool: ...
    @property
    def goes_on(self) -> bool: ...
    @property
    def unfinished(self) -> bool: ...
    @property
    def stuck(self) -> bool: ...
    @property
    def on_demand(self) -> bool: ...


def units(unit: str, count: int | None) -> str:
    """The name of so many units, as people call them."""
    name = _NAMES.get(unit, unit)
    return name if count == 1 else _PLURALS.get(unit, f"{name}s")


def in_words(asking: Asked, end: str = "/end", give: str = "/give") -> str:
    """One line; ``end`` and ``give`` are how those are done."""
    unit = asking.unit
    left = f" ({asking.words_left} {'word' if asking.words_left == 1 else 'words'} left)"
    if asking.stuck:
        return f"your turn: no {units(unit, 1)} can open here; {end} is all that is left"
    ways = f"{give} or {end}" if asking.on_demand else end
    if asking.unfinished and unit == "sentence":
        return f"go on: the sentence is not over; it ends with . or ! or ?, and the solution with {end}{left}"
    if asking.unfinished or unit == "solution":
        return f"{'go on' if asking.goes_on else 'your turn'}: the {units(unit, 1)} goes on until {ways}{left}"
    more, new = ("more " if asking.goes_on else ""), ("new " if asking.opening else "")
    if asking.held is None:
        many = f"{more}{new}{units(unit, None)} until {ways}"
    elif asking.held == 1:
        many = f"one {more}{new}{units(unit, 1)}"
    else:
        many = f"{asking.held} {more}{new}{units(unit, asking.held)}"
    return f"{'go on' if asking.goes_on else 'your turn'}: {many}{left}"
