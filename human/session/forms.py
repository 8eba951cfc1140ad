"""Questions of a study as a screen is asked them, and answers as they can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from human.messages import Question as Asked
from human.messages import RefusalError
from human.study import Question

Answers = dict[str, str | int | float | None]


def asked(questions: Sequence[Question]) -> tuple[Asked, ...]:
    """What a screen is told of questions: never which answer is right."""
    return tuple(
        Asked(
            id=one.id,
            text=one.text,
            kind=one.kind,
            options=one.options,
            high=one.points,
            optional=one.optional,
        )
        for one in questions
    )


def answered(questions: Sequence[Asked], given: Mapping[str, str | int | float | None]) -> Answers:
    """The answers, checked. Raises RefusalError with what is missing or impossible."""
    known = {one.id for one in questions}
    if strange := next((name for name in given if name not in known), None):
        raise RefusalError("not_answered", f"nothing was asked that is called {strange[:40]!r}")
    out: Answers = {}
    for one in questions:
        value = given.get(one.id)
        value = value.strip() if isinstance(value, str) else value
        if value in (None, ""):
            if not one.optional:
                raise RefusalError("not_answered", f"please answer: {one.text}")
            out[one.id] = None
            continue
        out[one.id] = _fitting(one, value)
    return out


def _fitting(one: Asked, value: str | int | float) -> str | int | float:
    """The value as its kind of question takes it."""
    if one.kind == "choice" and value in one.options:
        return value
    if one.kind == "text" and isinstance(value, str):
        return value
    try:
        number = float(value)
    except (ValueError, OverflowError):  # no number, or one of hundreds of digits
        raise RefusalError("not_answered", f"please answer with a number: {one.text}") from None
    if one.kind == "number" and abs(number) < 1e15:
        return int(number) if number.is_integer() else number
    if one.kind == "scale" and number.is_integer() and one.low <= number <= one.high:
        return int(number)
    raise RefusalError("not_answered", f"please choose one of the answers: {one.text}")


def wrong(questions: Sequence[Question], given: Answers) -> list[str]:
    """The ids of those that have a right answer and another one was given."""
    return [one.id for one in questions if one.right is not None and not _same(one.right, given.get(one.id))]


def _same(right: str, value: str | int | float | None) -> bool:
    if isinstance(value, int | float):
        try:
            return float(right) == value
        except ValueError:
            return False
    return value == right
