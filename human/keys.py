"""A key of an app: what it is called, what it does, and what is said of it."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    keys: str
    """As Textual names them."""
    shown: str
    """As people do."""
    action: str
    title: str
    help: str
    footer: str = ""
    """In the line at the bottom, if it is there."""
