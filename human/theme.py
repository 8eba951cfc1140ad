"""The light and the dark theme of the apps: contrasts of 4.5 or more, and no meaning in red against green."""

from __future__ import annotations

from textual.theme import Theme

from human.marks import DARK as ON_DARK
from human.marks import LIGHT as ON_LIGHT

DARK = Theme(
    name="tandem-dark",
    primary=ON_DARK[0],
    secondary=ON_DARK[1],
    accent=ON_DARK[1],
    success=ON_DARK[2],
    warning=ON_DARK[3],
    error=ON_DARK[5],
    foreground="#e8e8e8",
    background="#12151a",
    surface="#171b21",
    panel="#222831",
    dark=True,
    variables={"footer-key-foreground": ON_DARK[0], "border": ON_DARK[0], "border-blurred": "#7a8494"},
)
LIGHT = Theme(
    name="tandem-light",
    primary=ON_LIGHT[0],
    secondary=ON_LIGHT[1],
    accent=ON_LIGHT[1],
    success=ON_LIGHT[2],
    warning=ON_LIGHT[3],
    error=ON_LIGHT[5],
    foreground="#16181d",
    background="#ffffff",
    surface="#f7f8fa",
    panel="#e9ecf1",
    dark=False,
    variables={"footer-key-foreground": ON_LIGHT[0], "border": ON_LIGHT[0], "border-blurred": "#69717f"},
)
