"""English."""

from arena.tasks.arithmetic.wording import Noun, Wording

_THINGS = (
    "apples", "books", "cards", "coins", "cookies", "eggs", "pens",
    "shells", "stamps", "toys", "marbles", "stickers",
)  # fmt: skip

WORDING = Wording(
    language="en",
    pronouns=("she", "he"),
    things=tuple(Noun(many) for many in _THINGS),
    opening="{name} has {n} {things}.",
    told={
        "gain": ("{She} buys {n} more.", "{She} finds {n} more.", "{She} gets {n} more."),
        "lose": ("{She} gives {n} to {other}.", "{She} loses {n}.", "{She} sells {n}."),
        "double": ("Then {she} doubles what {she} has.",),
        "triple": ("Then {she} triples what {she} has.",),
        "compare-more": ("{other} has {n} more than {name}.",),
        "compare-fewer": ("{other} has {n} fewer than {name}.",),
        "split": ("{She} puts them into {n} equal bags.",),
        "price": ("They cost {n} dollars each.",),
    },
    asked={
        "now": "How many {things} does {name} have now?",
        "compare-more": "How many {things} does {other} have?",
        "compare-fewer": "How many {things} does {other} have?",
        "split": "How many {things} are in each bag?",
        "price": "How much do the {things} cost in all?",
    },
    leads={
        "now": ("Then {she} has", "Now {she} has", "So {she} has", "After that, {she} has"),
        "compare-more": ("So {other} has",),
        "compare-fewer": ("So {other} has",),
        "split": ("So each bag holds",),
        "price": ("So they cost",),
    },
    money="dollars",
)
