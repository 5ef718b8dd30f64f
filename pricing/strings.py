"""Translations, English and Korean, of all that the page and the command line show.

Codes (refusals, doubts, fields, labels) become words here only, by ``strings.csv``. A value of
the catalogues that is no label, such as a brand, is not translated.
"""

import csv
from collections.abc import Callable
from pathlib import Path

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "KRW": "₩", "JPY": "¥"}
WHOLE = ("KRW", "JPY", "CZK")  # currencies whose prices have no cents
LANGUAGES = {"en": "English", "ko": "한국어"}
with Path(__file__).with_suffix(".csv").open(newline="", encoding="utf-8") as _file:
    # (kind, key) -> {language: text}
    TRANSLATIONS = {(row.pop("kind"), row.pop("key")): row for row in csv.DictReader(_file)}


def sentence(language: str, key: str, **values: object) -> str:
    """The sentence of that key; KeyError for an unknown key."""
    return TRANSLATIONS["sentence", key][language].format(**values)


def word(language: str, value: str) -> str:
    """A field's name or a label; anything else unchanged."""
    return TRANSLATIONS.get(("word", value), {}).get(language) or value.replace("_", " ")


def photo_problem(language: str, code: str) -> str:
    """Why a photo is rejected: a code of ``uploads.CODES``."""
    return TRANSLATIONS["photo", code][language]


def reason(language: str, code: str) -> str:
    """A code of ``predictor.REFUSALS`` or ``predictor.DOUBTS`` as a sentence."""
    return TRANSLATIONS["reason", code][language]


def usd(amount: float) -> str:
    """12.3 -> "$12.30", and from a thousand on without cents."""
    return money(amount, "USD")


def money(amount: float, currency: str) -> str:
    """ "$12.30", "€1,200", "₩45,000", "520 CZK": no cents from a thousand on."""
    sign = SIGNS.get(currency, "")
    number = f"{amount:,.0f}" if amount >= 999.995 or currency in WHOLE else f"{amount:,.2f}"
    return f"{sign}{number}" if sign else f"{number} {currency}"


def attribution(
    language: str,
    piece: str,
    value: str | None,
    amount: float,
    show: Callable[[float], str] = usd,
) -> str:
    """A clause on what one piece of the listing (``brand``, of that value) adds to the price.

    amount: USD, written by ``show``.
    """
    name = word(language, piece)
    name = name.lower() if language == "en" else name
    if value:
        name += f" ({word(language, value)})"
    key = "adds" if amount >= 0 else "subtracts"
    return sentence(language, key, piece=name, usd=show(abs(amount)))


def choose_language(query: str | None, accept_language: str | None) -> str:
    """The language of ``?lang=`` where it is offered, else the browser's first that is.

    accept_language: the header, whose order is taken as the preference.
    """
    for tag in [query or "", *(accept_language or "").split(",")]:
        code = tag.split(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return "en"
