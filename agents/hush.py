"""Libraries that say in many lines what an error says in one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

HUB_LIBRARY = "huggingface_hub"
"""Says for every request that it is tried again."""


@contextmanager
def hushed(*loggers: str) -> Iterator[None]:
    """Within it these loggers say nothing but errors."""
    before = {name: logging.getLogger(name).level for name in loggers}
    try:
        for name in loggers:
            logging.getLogger(name).setLevel(logging.ERROR)
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
