"""Phrases in many languages looked up in a text: lists of words -> a label."""

import re
import unicodedata
from bisect import bisect_left
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

    def spans(self, text: str) -> list[tuple[int, int, int]]:
        """(start, end, entry) of the matches in a text as it is written, in its order.

        Of several at one place the longest counts.
        """
        pieces = [(piece.span(), plain_words(piece.group())) for piece in _WORD.finditer(text)]
        plain, ends, spans = " ", {}, []
        for span, word in pieces:  # place after a word in `plain` -> its place in the text
            ends[len(plain)] = span
            plain += word.lstrip()
        starts = sorted(ends)
        for key in {word[:_START] for word in plain.split()} & self._by_start.keys():
            for entry, words in self._by_start[key]:
                at = plain.find(words)
                while at >= 0:
                    last = starts[bisect_left(starts, at + len(words.rstrip())) - 1]
                    spans.append((ends[at + 1][0], ends[last][1], entry))
                    at = plain.find(words, at + 1)
        if _CJK.search(text):
            places = [place for place, letter in enumerate(text) if not letter.isspace()]
            compact = "".join(text[place] for place in places).lower()
            for entry, words in self._anywhere:
                for match in re.finditer(re.escape(words), compact):
                    first, last = places[match.start()], places[match.end() - 1]
                    spans.append((first, last + 1, entry))
        longest = sorted(set(spans), key=lambda span: (span[0] - span[1], span[2]))
        free: list[tuple[int, int, int]] = []
        for start, end, entry in longest:
            if all(end <= first or last <= start for first, last, _ in free):
                free.append((start, end, entry))
        return sorted(free)

    def find(self, text: str) -> str:
        """The label of the first entry with a match in ``text``, or ""."""
        places = self.places(plain_words(text))
        return self.labels[min(places)] if places else ""
