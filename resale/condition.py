"""Condition of a second-hand listing: the words of marketplaces and sellers -> five grades.

The words, in nine languages, are in ``condition.toml``. Later grades are better: a price model
takes :data:`CONDITIONS` as an ordinal.
"""

import functools
import re
import tomllib
from pathlib import Path

from resale.phrases import Phrases, phrase, plain_words

CONDITIONS = ("fair", "good", "very good", "new", "new with tags")

_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_FIELD, _TEXT = Phrases(_TABLE["field"]), Phrases(_TABLE["text"])
_FLAW = "|".join(phrase(word).strip() for word in _TABLE["flaws"])
_NO_FLAW = re.compile(rf" (?:{'|'.join(_TABLE['negation'])}) (?:\w+ ){{0,2}}?(?:{_FLAW})\w*")


def spans(text: str) -> list[tuple[int, int]]:
    """Places of the phrases that tell a condition in a text."""
    return [(start, end) for start, end, _ in _TEXT.spans(text)]


@functools.lru_cache(10_000)
def from_field(raw: str) -> str:
    """One of :data:`CONDITIONS` for a marketplace's condition field, "" where it says none."""
    return _FIELD.find(raw)


def from_text(text: str) -> str:
    """One of :data:`CONDITIONS` where a title or description states it, else "".

    "No stains" is no flaw; a flaw counts only where nothing better is said.
    """
    grade = _TEXT.find(text)
    return _TEXT.find(_NO_FLAW.sub(" ", plain_words(text))) if grade == "fair" else grade
