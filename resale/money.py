"""Amounts of money in a listing's text: the new price that a seller states; all others go.

The words that tell a new price ("retail 450", "neu 120 EUR", "정가 30만원") or an asking price
apart, in nine languages, are in ``money.toml``.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from common.merge.currency import RATES, TABLE
from common.merge.leakage import MONEY

NEW_PRICES = (5.0, 60_000.0)  # USD: what is outside is no new price of a garment
_DIGIT = re.compile(r"\d")
_NUMBER = (
    r"(?:\d{1,3}(?:[ .,\u00a0\u202f]\d{3})+(?!\d)(?:[.,]\d{1,2}(?!\d))?|\d+(?:[.,]\d{1,2}(?!\d))?)"
)


def _plain_letters() -> dict[int, str]:
    """Character for character: lower case, no accents, so that places in a text stay the same."""
    letters = {ord("ł"): "l", ord("Ł"): "l", ord("’"): "'", ord("´"): "'", ord("`"): "'"}
    for code in [*range(0x41, 0x5B), *range(0xC0, 0x180)]:
        base = unicodedata.normalize("NFD", chr(code))[0].lower()
        letters.setdefault(code, base if base.isascii() else chr(code))
    return letters


def _any(words: Iterable[str], before: str = "") -> str:
    """A pattern of any of the words: Latin ones whole (after ``before``), Korean ones anywhere."""
    words = [re.escape(word) for word in sorted(words, key=len, reverse=True)]
    latin = "|".join(word for word in words if word.isascii())
    other = "|".join(word for word in words if not word.isascii())
    return (
        rf"(?:{before}(?:{latin})(?![a-z])|(?:{other}))"
        if other
        else rf"{before}(?:{latin})(?![a-z])"
    )


_WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_FOLD = _plain_letters()
_SIGNS = {sign: code for code, signs in TABLE["signs"].items() for sign in signs}
_UNITS = {sign.translate(_FOLD): code for sign, code in _SIGNS.items()}
_UNITS |= {code.lower(): code for code in RATES}
_UNIT, _SIGN = _any(_UNITS), _any(sign for sign in _UNITS if not sign.isalnum())
_NUMBERED = rf"(?P<before>{_SIGN})?\s?(?P<number>{_NUMBER})\s?(?P<k>k\b)?(?P<unit>{_UNIT})?"
_AMOUNT, _GAP = rf"(?P<amount>{_NUMBERED})", r"[^\d\n€$£₩¥]{0,22}?"
_NEW, _NEW_WITH_UNIT, _AFTER, _ASKING = (
    _any(_WORDS[name], r"(?<![a-z0-9])")
    for name in ("new_price", "new_price_with_unit", "after_new_price", "asking")
)
# (pattern, whether the amount needs a unit)
_NEW_PRICES = (
    (re.compile(rf"{_NEW}{_GAP}{_AMOUNT}"), False),
    (re.compile(rf"{_NEW_WITH_UNIT}{_GAP}{_AMOUNT}"), True),
    (re.compile(rf"(?<![a-z\d.,]){_AMOUNT}\s?(?:\+ ?tax )?{_AFTER}"), True),
)
_ASKED = re.compile(
    rf"{_ASKING}[^\d\n]{{0,8}}?(?<![\d.,])(?P<asked>(?:{_SIGN}\s?)?{_NUMBER}(?:\s?{_UNIT})?)(?!\s?(?:cm|mm|%|\"|inch|x\b|ml))"
)
_FIRST = re.compile(
    rf"(?P<before>{_SIGN})\s?\d|(?<![\w.,])\d[\d.,]*\s?(?P<unit>{_UNIT})",
)
_LONE_SIGN = re.compile(rf"(?<!\w){_SIGN}(?!\w)")
_MIXED = re.compile(r"(\d+)\s?만\s?(\d)\s?천")
# What follows a bare number that is no price: "worth 2 years", "paid 50%", a size, a shoe's 42/43.
_NO_PRICE = re.compile(
    r"\s?(?:cm|mm|ml|%|\"|x\b|/|-\s?\d|s\b|h\b|ans|mois|fois|er\b|eme|years?|times|days?|사이즈|호|년|개|번|[.,]?\d)"
)


def currency_code(raw: str) -> str:
    """``EUR`` of ``eur``, ``€`` or ``euros``; "" for a currency without a rate."""
    code = raw.strip().upper()
    return code if code in RATES else _UNITS.get(raw.strip().translate(_FOLD), "")


def first_currency(text: str) -> str:
    """The currency of the first amount in a text, ``USD`` where there is none."""
    match = _FIRST.search(text.translate(_FOLD))
    return _UNITS[match["before"] or match["unit"]] if match else "USD"


def read(text: str, currency: str) -> tuple[float, str]:
    """The new price that ``text`` states and the text without amounts of money.

    The price is in ``currency`` (a code), NaN where none is stated, the highest of several. A
    number without a unit is of ``currency``; an amount in another one is converted
    (:data:`common.merge.currency.RATES`).
    """
    if not _DIGIT.search(text):
        return float("nan"), text
    text = _MIXED.sub(lambda match: f"{match[1]}{match[2]}000", text)  # 8만9천원
    prices, folded, spans = [], text.translate(_FOLD), []
    own = currency_code(currency) or "USD"
    for pattern, needs_unit in _NEW_PRICES:
        for match in pattern.finditer(folded):
            value, code = _value(match, folded[match.end() :], own, needs_unit)
            if NEW_PRICES[0] <= value * RATES[code] <= NEW_PRICES[1]:
                prices.append(value if code == own else value * RATES[code] / RATES[own])
                spans.append(match.span("amount"))
    spans += [match.span("asked") for match in _ASKED.finditer(folded)]
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]} {text[end:]}"
    while MONEY.search(text):  # what is left of two amounts may be a third
        text = MONEY.sub(" ", text)
    return max(prices, default=float("nan")), " ".join(_LONE_SIGN.sub(" ", text).split())


def _value(match: re.Match, rest: str, own: str, needs_unit: bool) -> tuple[float, str]:
    """An amount and its currency; NaN for a number that is no price. ``rest``: what follows it."""
    value, unit = number(match["number"]), match["unit"] or match["before"] or ""
    code = _UNITS.get(unit, own)
    if not unit and not match["k"]:
        small = value < (10 if code == "KRW" else 20) or (1950 <= value <= 2030 and code != "KRW")
        if needs_unit or small or _NO_PRICE.match(rest):
            return float("nan"), code
    if "만" in unit or "万" in unit or (code == "KRW" and not unit and value < 1000):
        value *= 10_000  # "정가 30" means 300,000 won
    elif "천" in unit or match["k"]:
        value *= 1000
    return value, code


def number(text: str) -> float:
    """``1.299,00``, ``1 299``, ``1,299 €`` -> 1299; ``19,90`` -> 19.9; NaN for no number."""
    match = re.fullmatch(r"[^\d\-]*(-?)([\d.,\s]*\d)\D*", text)
    if not match:
        return float("nan")
    digits = re.sub(r"\s", "", match[2])
    thousands = re.fullmatch(r"(\d{1,3}(?:[.,]?\d{3})+)(?:[.,](\d{1,2}))?", digits)
    if thousands:
        digits = f"{re.sub('[.,]', '', thousands[1])}.{thousands[2] or 0}"
    try:
        return float(match[1] + digits.replace(",", "."))
    except ValueError:
        return float("nan")
