"""Where a solution marks its answer. Every reader here takes time linear in the text."""

from __future__ import annotations

import re
from collections.abc import Callable

EXAMPLE = "12"
FORMS = (f"#### {EXAMPLE}", f"\\boxed{{{EXAMPLE}}}")
"""An answer as it can be marked."""
_BRACES = re.compile(r"\\(?:boxed|fbox)\s*\{|\\.|[{}]", re.DOTALL)


def after_hashes(text: str) -> str | None:
    """What follows the last ``####`` on its line (GSM8K's mark), or None."""
    at = text.rfind("####")
    if at < 0:
        return None
    end = text.find("\n", at + 4)
    return text[at + 4 : end if end >= 0 else len(text)].strip() or None


def last_boxed(text: str) -> str | None:
    r"""What is in the last ``\boxed{...}`` or ``\fbox{...}`` whose braces balance (MATH's mark), or None.

    Last is the one that closes last, so of nested boxes it is the outermost. ``\{`` and ``\}`` are not braces.
    """
    opened: list[int] = []  # where the content of each open brace's box starts; -1 for a brace that is no box
    found: tuple[int, int] | None = None
    for match in _BRACES.finditer(text):
        token = match.group()
        if token == "}":
            start = opened.pop() if opened else -1
            if start >= 0:
                found = (start, match.start())
        elif token == "{":
            opened.append(-1)
        elif len(token) > 2:
            opened.append(match.end())
    return None if found is None else text[found[0] : found[1]].strip() or None


def any_mark(text: str) -> str | None:
    r"""What follows the last ``####``, or else what is in the last box: for answers whose mark is not known."""
    return after_hashes(text) or last_boxed(text)


def form_of(extract: Callable[[str], str | None]) -> str:
    """How an answer is marked for this reader of answers, by example; nothing if in another way than those known."""
    return next((form for form in FORMS if extract(form) == EXAMPLE), "")
