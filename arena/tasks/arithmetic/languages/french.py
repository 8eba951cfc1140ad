"""French."""

from arena.tasks.arithmetic.wording import Noun, Wording


def _noun(many: str) -> Noun:
    return Noun(many, of=f"d'{many}" if many[0] in "aeiouœ" else f"de {many}", bare=f"les {many}")


_THINGS = (
    "pommes", "livres", "cartes", "pièces", "biscuits", "œufs", "stylos",
    "coquillages", "timbres", "jouets", "billes", "autocollants",
)  # fmt: skip

WORDING = Wording(
    language="fr",
    pronouns=("elle", "il"),
    things=tuple(_noun(many) for many in _THINGS),
    opening="{name} a {n} {things}.",
    told={
        "gain": ("{She} en achète {n} de plus.", "{She} en trouve {n} de plus.", "{She} en reçoit {n} de plus."),
        "lose": ("{She} en donne {n} à {other}.", "{She} en perd {n}.", "{She} en vend {n}."),
        "double": ("Puis {she} double ce qu'{she} a.",),
        "triple": ("Puis {she} triple ce qu'{she} a.",),
        "compare-more": ("{other} en a {n} de plus que {name}.",),
        "compare-fewer": ("{other} en a {n} de moins que {name}.",),
        "split": ("{She} les répartit également dans {n} sacs.",),
        "price": ("Le prix est de {n} dollars pièce.",),
    },
    asked={
        "now": "Combien {of_things} a {name} maintenant ?",
        "compare-more": "Combien {of_things} a {other} ?",
        "compare-fewer": "Combien {of_things} a {other} ?",
        "split": "Combien {of_things} y a-t-il dans chaque sac ?",
        "price": "Combien coûtent {bare_things} en tout ?",
    },
    leads={
        "now": ("Ensuite {she} a", "Maintenant {she} a", "Donc {she} a", "Après cela, {she} a"),
        "compare-more": ("Donc {other} a",),
        "compare-fewer": ("Donc {other} a",),
        "split": ("Donc chaque sac contient",),
        "price": ("Donc le tout coûte",),
    },
    money="dollars",
)
