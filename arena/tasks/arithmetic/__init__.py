"""Generated word problems: `task` the problems, `story` what is told, `wording` and `languages` its words,
`notation` and `solution` how it is worked out."""

from arena.tasks.arithmetic.solution import Style, styled_solution
from arena.tasks.arithmetic.story import LARGEST
from arena.tasks.arithmetic.task import Arithmetic

__all__ = ["LARGEST", "Arithmetic", "Style", "styled_solution"]
