"""Words of marketplaces for category, gender and colour -> ours (``taxonomy.toml``).

What the words do not say is "": it is never guessed here (:mod:`resale.labels` predicts it).
"""

import functools
import re
import tomllib
from pathlib import Path

from common.merge.taxonomy import CATEGORIES, GENDERS
from resale.phrases import Phrases

_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_OTHER, _CATEGORY, _GENDER, _COLOUR = (
    Phrases(_TABLE[name]) for name in ("other", "category", "gender", "colour")
)
_GENDER_FIELD = Phrases(_TABLE["gender_field"] + _TABLE["gender"])
COLOURS = tuple(_COLOUR.labels)
_PARTS = re.compile(r"[/.>|\n]")


@functools.lru_cache(50_000)
def category(raw: str) -> str:
    """One of the 11 categories; of a path (``men/shoes/boots``) the last part that says one."""
    for part in reversed(_PARTS.split(raw)):
        if label := _CATEGORY.find(part.replace("_", " ")):
            return label
    return ""


@functools.lru_cache(50_000)
def gender(raw: str, category_raw: str = "") -> str:
    """One of the 5 genders, of a gender field and a category path; children without a sex are "".

    What names girls or boys wins over men and women: a marketplace may file boys under men.
    """
    labels = [_GENDER_FIELD.find(raw), _GENDER.find(category_raw.replace("_", " "))]
    for label in ("Girls", "Boys", "kids"):
        if label in labels:
            return "" if label == "kids" else label
    return labels[0] or labels[1]


def categories(words: str) -> list[str]:
    """Every category that a text names, a result of :func:`resale.phrases.plain_words`."""
    return sorted({_CATEGORY.labels[place] for place in _CATEGORY.places(words)})


def genders(words: str) -> list[str]:
    """Every gender, or "kids", that a text names."""
    return sorted({_GENDER.labels[place] for place in _GENDER.places(words)})


@functools.lru_cache(50_000)
def other_goods(category_raw: str, gender_raw: str = "") -> str:
    """What goods that nobody wears are called ("home", "beauty", ...), "" for all others."""
    fields = f"{category_raw} / {gender_raw}".replace("_", " ")
    return "" if category(category_raw) else _OTHER.find(fields)


@functools.lru_cache(50_000)
def colour(raw: str) -> str:
    """One of :data:`COLOURS`, or ""."""
    return _COLOUR.find(raw)


def colour_spans(text: str) -> list[tuple[int, int, str]]:
    """(start, end, one of :data:`COLOURS`) of the words for colours in a text."""
    return [(start, end, COLOURS[place]) for start, end, place in _COLOUR.spans(text)]


assert set(_CATEGORY.labels) <= set(CATEGORIES)
assert set(_GENDER.labels) <= {*GENDERS, "kids"}
