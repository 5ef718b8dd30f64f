"""Phrases in many languages looked up in a text: lists of words -> a label."""

import re
import unicodedata
from collections.abc import Iterable, Mapping

_ACCENTS = dict.fromkeys(range(0x300, 0x370))
_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]")
_START = 4  # letters; no open phrase is shorter


def plain_words(text: str) -> str:
    """Lower case without accents and punctuation, a space around each word: `` tres bon ``."""
    text = unicodedata.normalize("NFKC", text).lower()
    if not text.isascii():
        text = unicodedata.normalize("NFD", text).translate(_ACCENTS)
        text = unicodedata.normalize("NFC", text).replace("ł", "l")
    return " ".join(["", *_WORD.findall(text), ""])


def phrase(words: str) -> str:
    """What is looked up of a phrase: whole words, open at a ``*``; Korean and Japanese anywhere."""
    if _CJK.search(words):
        return plain_words(words).replace(" ", "")
    stem = plain_words(words.removesuffix("*"))
    return stem[:-1] if words.endswith("*") else stem


class Phrases:
    """Labels by phrases; of the entries with a match in a text the first decides.

    entries: mappings with ``label`` and ``words``, as an array of tables of a TOML file.
    """

    def __init__(self, entries: Iterable[Mapping]):
        self.labels = [entry["label"] for entry in entries]
        self._by_start: dict[str, list[tuple[int, str]]] = {}
        self._anywhere: list[tuple[int, str]] = []
        for place, entry in enumerate(entries):
            for text in map(phrase, entry["words"]):
                start = text.split()[0][:_START]
                latin = text.startswith(" ")
                places = self._by_start.setdefault(start, []) if latin else self._anywhere
                places.append((place, text))

    def places(self, text: str) -> set[int]:
        """The entries with a match in ``text``, a result of :func:`plain_words`."""
        starts = {word[:_START] for word in text.split()} & self._by_start.keys()
        places = {place for s in starts for place, words in self._by_start[s] if words in text}
        if not text.isascii() and _CJK.search(text):
            text = text.replace(" ", "")
            places |= {place for place, words in self._anywhere if words in text}
        return places

    def find(self, text: str) -> str:
        """The label of the first entry with a match in ``text``, or ""."""
        places = self.places(plain_words(text))
        return self.labels[min(places)] if places else ""
