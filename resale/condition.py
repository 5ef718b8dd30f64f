"""Condition of a second-hand listing: the words of marketplaces and sellers -> five grades.

The words, in nine languages, are in ``condition.toml``. Later grades are better: a price model
takes :data:`CONDITIONS` as an ordinal.
"""

import functools
import re
import tomllib
import unicodedata
from pathlib import Path

CONDITIONS = ("fair", "good", "very good", "new", "new with tags")

_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_ACCENTS = dict.fromkeys(c for c in range(0x300, 0x370))
_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]")


def plain_words(text: str) -> str:
    """Lower case without accents and punctuation, a space around each word: `` tres bon ``."""
    text = unicodedata.normalize("NFKC", text).lower()
    if not text.isascii():
        text = unicodedata.normalize("NFD", text).translate(_ACCENTS)
        text = unicodedata.normalize("NFC", text).replace("ł", "l")
    return " ".join(["", *_WORD.findall(text), ""])


def _phrase(words: str) -> str:
    """What is looked up of a phrase: whole words, open at a ``*``; Korean and Japanese anywhere."""
    if _CJK.search(words):
        return plain_words(words).replace(" ", "")
    stem = plain_words(words.removesuffix("*"))
    return stem[:-1] if words.endswith("*") else stem


class _Phrases:
    """Phrases with their grades, by the start of their first word; the first in the file wins."""

    def __init__(self, table: str):
        self.grades = [entry["grade"] for entry in _TABLE[table]]
        self.by_start: dict[str, list[tuple[int, str]]] = {}
        self.anywhere: list[tuple[int, str]] = []
        for place, entry in enumerate(_TABLE[table]):
            for phrase in map(_phrase, entry["words"]):
                latin = phrase.startswith(" ")
                start = phrase.split()[0][:_START]
                places = self.by_start.setdefault(start, []) if latin else self.anywhere
                places.append((place, phrase))

    def grade(self, text: str) -> str:
        """The grade that a result of :func:`plain_words` states, or ""."""
        starts = {word[:_START] for word in text.split()} & self.by_start.keys()
        places = [p for s in starts for p, phrase in self.by_start[s] if phrase in text]
        if not text.isascii() and _CJK.search(text):
            text = text.replace(" ", "")
            places += [place for place, phrase in self.anywhere if phrase in text]
        return self.grades[min(places)] if places else ""


_START = 4  # letters; no open phrase is shorter
_FIELD, _TEXT = _Phrases("field"), _Phrases("text")
_FLAW = "|".join(_phrase(word).strip() for word in _TABLE["flaws"])
_NO_FLAW = re.compile(rf" (?:{'|'.join(_TABLE['negation'])}) (?:\w+ ){{0,2}}?(?:{_FLAW})\w*")


@functools.lru_cache(10_000)
def from_field(raw: str) -> str:
    """One of :data:`CONDITIONS` for a marketplace's condition field, "" where it says none."""
    return _FIELD.grade(plain_words(raw))


def from_text(text: str) -> str:
    """One of :data:`CONDITIONS` where a title or description states it, else "".

    "No stains" is no flaw; a flaw counts only where nothing better is said.
    """
    words = plain_words(text)
    grade = _TEXT.grade(words)
    return _TEXT.grade(_NO_FLAW.sub(" ", words)) if grade == "fair" else grade
