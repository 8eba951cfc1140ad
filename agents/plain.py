"""Text of models and people as a terminal may show it."""

from __future__ import annotations

import re
import unicodedata

_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|O.|)")
"""What a terminal sends for keys that are no characters (arrows, paste marks) and what a paste may carry (colours)."""


_JOINERS = "\u200c\u200d"
"""They shape what stands beside them (Persian words, emoji of several) and can neither hide nor turn anything round."""


def visible(text: str) -> str:
    """The text with every control and direction character replaced by a visible one; newlines and joiners stay."""
    return "".join(_stand_in(c) if c != "\n" else c for c in text)


def _stand_in(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    category = unicodedata.category(character)
    if category in ("Cc", "Cs") or character in "\u2028\u2029" or (category == "Cf" and character not in _JOINERS):
        return f"<U+{code:04X}>"
    return character


def inline(text: str) -> str:
    """The text in one line, to be read aloud: a line break is said in words."""
    return " ".join(visible(text.replace("\n", " (line break) ").replace("\t", " ")).split())


def cleaned(typed: str) -> str:
    """What was typed without control characters (but newline and tab), their sequences, and halves of surrogates."""
    text = _SEQUENCES.sub("", typed)
    return "".join(c for c in text if c in "\t\n" or unicodedata.category(c) not in ("Cc", "Cs"))
