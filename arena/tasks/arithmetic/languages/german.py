"""German."""

from arena.tasks.arithmetic.wording import Noun, Wording

_THINGS = (
    "Äpfel", "Bücher", "Karten", "Münzen", "Kekse", "Eier", "Stifte",
    "Muscheln", "Briefmarken", "Spielzeuge", "Murmeln", "Aufkleber",
)  # fmt: skip

WORDING = Wording(
    language="de",
    pronouns=("sie", "er"),
    things=tuple(Noun(many, bare=f"die {many}") for many in _THINGS),
    opening="{name} hat {n} {things}.",
    told={
        "gain": ("{She} kauft {n} dazu.", "{She} findet {n} dazu.", "{She} bekommt {n} dazu."),
        "lose": ("{She} gibt {other} {n} davon.", "{She} verliert {n} davon.", "{She} verkauft {n} davon."),
        "double": ("Dann verdoppelt {she}, was {she} hat.",),
        "triple": ("Dann verdreifacht {she}, was {she} hat.",),
        "compare-more": ("{other} hat {n} mehr als {name}.",),
        "compare-fewer": ("{other} hat {n} weniger als {name}.",),
        "split": ("{She} verteilt sie gleichmäßig auf {n} Beutel.",),
        "price": ("Das Stück kostet {n} Dollar.",),
    },
    asked={
        "now": "Wie viele {things} hat {name} jetzt?",
        "compare-more": "Wie viele {things} hat {other}?",
        "compare-fewer": "Wie viele {things} hat {other}?",
        "split": "Wie viele {things} sind in jedem Beutel?",
        "price": "Wie viel kosten {bare_things} zusammen?",
    },
    leads={
        "now": ("Dann hat {she}", "Jetzt hat {she}", "Also hat {she}", "Danach hat {she}"),
        "compare-more": ("Also hat {other}",),
        "compare-fewer": ("Also hat {other}",),
        "split": ("Also enthält jeder Beutel",),
        "price": ("Also kosten sie",),
    },
    money="Dollar",
)
