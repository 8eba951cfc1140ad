"""Tables of a TOML file as frozen dataclasses: every key known, every value of its type, or one line says where."""

from __future__ import annotations

import dataclasses
import difflib
from datetime import date
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from arena.command import fail
from arena.config import of_type

T = TypeVar("T")


def table(kind: type[T], given: Any, where: str) -> T:
    """A table as the dataclass ``kind``. Raises UserError naming the table, the key and the nearest known one."""
    if not isinstance(given, dict):
        fail(f"{where} must be a table, not {given!r}")
    known = {one.name: one for one in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            fail(f"{where}: there is no key {name!r}{_instead(name, list(known))}")
    for one in known.values():
        if one.name not in given and one.default is one.default_factory is dataclasses.MISSING:
            fail(f"{where}: {one.name} is missing; give it")
    types = get_type_hints(kind)
    return kind(**{name: _value(types[name], value, where, name) for name, value in given.items()})


def _instead(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(known)}"


def _value(kind: Any, value: Any, where: str, name: str) -> Any:
    """A value of the type that a field has: texts, numbers, dates, choices, and tables and lists of these."""
    here = f"{where} {name}" if where.endswith("]") or where[-1:].isdigit() else f"{where}: [{name}]"
    origin, inside = get_origin(kind), get_args(kind)
    if origin is UnionType:
        (kind,) = (one for one in inside if one is not NoneType)
        return _value(kind, value, where, name)
    if origin is Literal:
        if value not in inside:
            fail(f"{here} must be one of {', '.join(map(repr, inside))}, not {value!r}")
        return value
    if origin is dict:
        return {key: of_type(inside[1], one, f"{here}.{key}") for key, one in of_type(dict, value, here).items()}
    if origin is tuple and hasattr(inside[0], "__dataclass_fields__"):
        if not isinstance(value, list):
            fail(f"{where}: {name} must be tables, each under [[{name}]]")
        return tuple(table(inside[0], one, f"{where}: [[{name}]] {n}") for n, one in enumerate(value, start=1))
    if origin is tuple:
        found = of_type(list, value, here)
        return tuple(of_type(inside[0], one, f"{here}, item {n}") for n, one in enumerate(found, start=1))
    if hasattr(kind, "__dataclass_fields__"):
        return table(kind, value, here)
    if kind is date and type(value) is not date:  # a time of day is a date to Python
        fail(f"{here} must be a date as 2027-03-31, without quotes, not {value!r}")
    return of_type(kind, value, here)
