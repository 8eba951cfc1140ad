r"""Numbers, numbers in a base, and units, read by grammar alone from answers that `tidy` of `notation` made."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from arena.answers.notation import FUNCTIONS, TEXTS

_NUMBER = re.compile(
    r"""(?P<sign>[+-]?)\s*(?P<currency>[$€£¥₹]?)\s*(?P<inner>[+-]?)
    (?P<digits>(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)
    (?:\\(?:overline|bar)\s*(?:\{\s*(?P<again>[0-9]+)\s*\}|(?P<dot>[0-9]))
    |[eE](?P<e>[+-]?[0-9]{1,3})
    |\s*(?:\\times|\\cdot|\*)\s*10\s*\^\s*(?:\{\s*(?P<p>[+-]?[0-9]{1,3})\s*\}|(?P<q>[+-]?[0-9]{1,3})))?
    \s*(?P<percent>%?)""",
    re.VERBOSE,
)
_CURRENCIES = {"": "", "$": "dollar", "€": "euro", "£": "lb", "¥": "yen", "₹": "rupee"}
_BASES = "two three four five six seven eight nine ten eleven twelve".split()
_BASED = re.compile(
    r"""(?P<sign>-?)\(?(?P<digits>[0-9A-Z]+(?:,[0-9]{3})*(?:\.[0-9A-Z]+)?)\)?\ ?
    (?:_\ ?(?P<digit>[0-9]{1,2})|_\ ?\{\ ?\(?(?:base[ -]?)?(?P<number>[0-9]{1,2})\ ?\)?\ ?\}
    |_\ ?\{?\ ?\\text\ ?\{\ ?(?:base\ )?(?P<word>[a-z]+)\ ?\}\ ?\}?
    |\(?(?:in\ )?base[ -]?(?P<named>[0-9]{1,2}|[a-z]+)\)?)""",
    re.VERBOSE,
)


class Number(NamedTuple):
    """A plain literal; ``value`` does not count the percent sign."""

    value: Fraction
    percent: bool
    currency: str = ""


def read_number(text: str) -> Number | None:
    """A plain number literal."""
    match = _NUMBER.fullmatch(text)
    if match is None or (match["sign"] and match["inner"]):
        return None
    digits = match["digits"].replace(",", "")
    value = Fraction(digits.rstrip("."))
    if again := match["again"] or match["dot"]:  # 0.1\overline{6}
        _, point, places = digits.partition(".")
        if not point:
            return None
        value += Fraction(int(again), (10 ** len(again) - 1) * 10 ** len(places))
    value *= Fraction(10) ** int(match["e"] or match["p"] or match["q"] or 0)
    negative = "-" in (match["sign"], match["inner"])
    return Number(-value if negative else value, bool(match["percent"]), _CURRENCIES[match["currency"]])


def equal_numbers(one: Number, other: Number) -> bool:
    """Exact equality; a percent sign on one side only is a unit or a hundredth."""
    if one.value == other.value:
        return True
    return one.percent != other.percent and any(
        a.percent and a.value / 100 == b.value for a, b in ((one, other), (other, one))
    )


class Based(NamedTuple):
    """A number with its base, such as ``4210_5``."""

    digits: str
    base: int


def read_based(text: str) -> Based | None:
    """A number whose base is written. Letters are digits only where the base has them: ``2A_{16}``, not ``2A_5``."""
    match = _BASED.fullmatch(text)
    if match is None:
        return None
    name = match["digit"] or match["number"] or match["word"] or match["named"]
    base = int(name) if name.isdigit() else _BASES.index(name) + 2 if name in _BASES else 0
    digits = match["digits"].replace(",", "")
    letters = [ord(digit) - ord("A") + 10 for digit in digits if digit.isalpha()]
    if base < 2 or any(value >= base for value in letters) or len(letters) == len(digits):
        return None
    return Based(match["sign"] + (digits.lstrip("0") or "0"), base)


# Units


_KNOWN = """
mm millimeter millimetre / cm centimeter centimetre / m meter metre / km kilometer kilometre
in inch inche / ft foot feet / yd yard / mi mile / g gram gm / kg kilogram / mg milligram
lb pound / oz ounce / ton tonne
s sec second / min minute / h hr hour / day / week / month / yr year / ml mL milliliter millilitre / L l liter litre
gal gallon / qt quart / pt pint / cup / acre / deg degree / degC / degF / celsius / fahrenheit / rad radian
N newton / J joule / kJ / W watt / V volt / A amp ampere / C coulomb / K kelvin / Hz hertz / Pa pascal / eV / mol mole
T tesla / ohm / dollar / cent / euro / yen / rupee / penny pennie pence / am / pm / unit / square / cube
way / time / side / point / digit / integer / number / solution / term / student / person people / man men / woman women
child children / boy / girl / tile / coin / toy / apple / page / ticket
"""
_UNITS = {name: unit.split()[0] for unit in _KNOWN.replace("\n", "/").split("/") for name in unit.split()}
_PLAIN = frozenset("mm cm km kg ft lb in mi hr yd oz ml mL am pm Hz eV".split())
"""Short units that are so without \\text, after a number; mg may be a product."""
_POWERS = {"square": "^2", "sq": "^2", "cubic": "^3", "cu": "^3", "squared": "^2", "cubed": "^3"}
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_NO_UNITS = frozenset(FUNCTIONS - {"min", "sec"} | set("and or to is base frac inf infinity".split()))
_GROUP = TEXTS + r" ?\{(?:[^{}\\]|\{[^{}\\]*\})*\}"
_TAIL = re.compile(
    rf"(?: ?(?:/ ?)?(?:{_GROUP}|(?<![A-Za-z\\_^{{(])[A-Za-z]{{2,}}(?![A-Za-z({{_]))\.?"
    r"(?: ?\^ ?(?:-?[1-9]|\{ ?-?[1-9] ?\}))?)+ ?$"
)
_DEGREES = re.compile(r" ?\^\\circ ?$")
_MODULUS = re.compile(r" ?\\mod ([0-9]+) ?$")
_TRIGONOMETRY = re.compile(r"\\(?:arc)?(?:sin|cos|tan|cot|sec|csc)")
_LETTER = re.compile(r"(.*[0-9]) ?([A-Za-z])")


class Quantity(NamedTuple):
    """An answer and its unit."""

    text: str
    """Without the unit."""
    unit: str = ""
    """In one spelling: in^2, mi/h. Empty if there is none."""
    known: bool = True
    """Every part of the unit is one that we know."""
    power: int = 0
    """Of ten: 6 for millions."""


def read_quantity(text: str) -> Quantity:
    r"""The answer without the unit at its end. Units are known words, whatever is in \text after a number, and longer
    words after a number: ``5 cm``, ``12 \text{ students}``; but ``3t`` and ``2mg`` are products."""
    if match := _MODULUS.search(text):
        return Quantity(text[: match.start()], f"mod {match[1]}")
    if match := _DEGREES.search(text):
        rest = text[: match.start()]
        return Quantity(rest, "deg") if rest and not _TRIGONOMETRY.search(rest) else Quantity(text)
    match = _TAIL.search(text) if text[-1:].isalpha() or text[-1:] in ("}", ".") or "^" in text else None
    rest = text[: match.start()].rstrip() if match else ""
    if match is None or not rest or not (rest[-1].isalnum() or rest[-1] in ")}]!%"):
        return Quantity(text)
    numeric = not re.search(r"(?<!\\)(?<![A-Za-z])[A-Za-z]", rest)
    plain = re.findall(r"[A-Za-z]+", re.sub(_GROUP, " ", match[0]))
    if _NO_UNITS.intersection(re.findall(r"[a-z]+", match[0].casefold())):
        return Quantity(text)
    spaced = text[len(rest)] == " " or text[len(rest)] == "/"
    for word in plain:
        known = word in _PLAIN if len(word) == 2 else _unit(word) is not None
        if not known and word not in ("per", "sq") and not (numeric and spaced and len(word) >= 4):
            return Quantity(text)
    unit, known, power = _canonical(match[0])
    if not known and not numeric:
        return Quantity(text)
    return Quantity(rest, unit, known, power)


def letter_unit(text: str) -> Quantity | None:
    """A number and one plain letter that may be a unit or a variable: ``5 m``."""
    match = _LETTER.fullmatch(text)
    return Quantity(match[1], _UNITS[match[2]]) if match and match[2] in _UNITS else None


def same_units(one: str, other: str) -> bool:
    """``unit`` means any: ``square units`` and ``cm^2`` are one."""
    if "unit" in (one.partition("^")[0], other.partition("^")[0]):
        return one.partition("^")[2] == other.partition("^")[2]
    return one == other or (one.startswith("deg") and other.startswith("deg") and "deg" in (one, other))


def known_word(word: str) -> bool:
    """Whether a word is the name of a unit or a function."""
    return word in FUNCTIONS or _unit(word) is not None or word in _POWERS or word == "per"


def _unit(word: str) -> str | None:
    for name in (word, word.casefold()) if len(word) > 2 else (word,):
        for singular in (name, name.removesuffix("s") if len(name) > 2 else name):
            if singular in _UNITS:
                return _UNITS[singular]
    return {"mph": "mi/h", "kph": "km/h", "kmh": "km/h", "kmph": "km/h"}.get(word.casefold())


@lru_cache(maxsize=1000)
def _canonical(tail: str) -> tuple[str, bool, int]:
    """(unit, known, power of ten)."""
    words = re.sub(r"\b([ap])\. ?m\b\.?", r"\1m", re.sub(TEXTS, " ", tail))
    name, all_known, power, pending = "", True, 0, ""
    for token in re.findall(r"[A-Za-z]+|/|\^ ?\{? ?-?[1-9]", words):
        word = token.casefold()
        if word in _SCALES and not name:
            power = _SCALES[word]
        elif token == "/" or word == "per":
            name += "/"
        elif token[0] == "^" or word in ("squared", "cubed"):
            name += _POWERS.get(word) or "^" + token.strip("^{ ")
        elif word in _POWERS:
            pending = _POWERS[word]
        else:
            known = _unit(token)
            all_known &= known is not None
            name += ("" if not name or name.endswith("/") else " ") + (known or word.removesuffix("s")) + pending
            pending = ""
    name = re.sub(r" ([^ ]+)\^-", r"/\1^", name + pending.replace("^2", "square")).replace("^1", "")
    return name.replace("deg celsius", "degC").replace("deg fahrenheit", "degF"), all_known, power
