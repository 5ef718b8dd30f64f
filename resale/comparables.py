"""Comparable listings: second-hand listings of the same kind among those that a model learned from.

Cosine similarity of the TF-IDF of title words; of the same category, of the same brand where there
are any, of a near condition first. Titles are kept without what leads to a person.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer

from common.artifacts import atomic, require, write_json
from resale.brands import UNBRANDED, brand_key, find_brand, known_brands, words
from resale.condition import CONDITIONS
from resale.fields import column

COUNT = 5
COMMAND = "python regression_ML.py --market resale"
FILE = "comparables.safetensors"
NEAR = 0.06  # of similarity, that a step of condition away costs
OTHERS = 0.05  # similarity that a listing without a common word counts with
SAME_PLATFORM = 0.05  # of similarity, that a listing of the same platform is ahead
FACTS = ("normalized_category", "size", "platform", "price_kind")
_PERSONAL = re.compile(
    r"\S+@\S+|@\w+|https?://\S+|www\.\S+|\+?\d(?:[\s./-]?\d){8,}|\[(?:user|link|email|phone)\]",
    re.I,
)


@dataclass(frozen=True)
class Neighbours:
    """Listings of the same category and brand, where there are any.

    nearest: up to ``COUNT`` of them, as (row, similarity 0..1), the nearest first. platforms: name
    -> share of all of them, more alike ones counting for more.
    """

    nearest: list[tuple[int, float]]
    platforms: dict[str, float]


@dataclass
class Comparables:
    """Listings, row by row. ``titles``, ``brands``, ``facts`` (values by column): lists.

    matrix: TF-IDF (n, vocabulary), rows L2-normalised. price_usd (n,); grade (n,): place in
    ``CONDITIONS``, -1 unknown. vocabulary: column of a word; idf: its weight. words: all words of
    titles and descriptions. known: brands to look for in texts, key -> spelling.
    """

    titles: list[str]
    brands: list[str]
    facts: dict[str, list[str]]
    price_usd: np.ndarray
    grade: np.ndarray
    matrix: csr_matrix
    vocabulary: dict[str, int]
    idf: np.ndarray
    words: frozenset[str]
    known: dict[str, str]

    def __post_init__(self) -> None:
        self._by_word = self.matrix.T.tocsr()
        self._codes = {}
        keys = list(map(brand_key, self.brands))
        for name, values in {**self.facts, "brand": keys}.items():
            codes, names = pd.factorize(np.array(values, dtype=object))
            self._codes[name] = codes, {value: code for code, value in enumerate(names)}

    @classmethod
    def fit(cls, table: pd.DataFrame) -> "Comparables":
        """``table``: second-hand rows of the product table that the model learned from."""
        titles = [" ".join(_PERSONAL.sub(" ", title).split()) for title in column(table, "title")]
        known = known_brands(column(table, "brand"), titles)
        brands = [
            stated or find_brand(title, known)
            for stated, title in zip(column(table, "brand"), titles, strict=True)
        ]
        tokens = [words(title) for title in titles]
        vocabulary = {word: place for place, word in enumerate(sorted(set().union(*tokens)))}
        counts = _counts(tokens, vocabulary)
        tfidf = TfidfTransformer(sublinear_tf=True).fit(counts)
        described = [set(words(text)) for text in column(table, "description")]
        seen = pd.Series([word for text in described for word in text], dtype=object).value_counts()
        return cls(
            titles,
            brands,
            {name: column(table, name).tolist() for name in FACTS},
            table["price_usd"].to_numpy(np.float32),
            pd.Index(CONDITIONS).get_indexer(column(table, "condition")).astype(np.int8),
            tfidf.transform(counts).astype(np.float32),
            vocabulary,
            tfidf.idf_.astype(np.float32),
            frozenset(vocabulary) | frozenset(seen.index[seen > 1]),
            known,
        )

    def understands(self, text: str) -> bool:
        """Whether a listing that was learned from has any of the text's words."""
        letters = [word for word in words(text) if not word.isdigit()]
        return any(word in self.words for word in letters) or bool(find_brand(text, self.known))

    def unknown_words(self, text: str) -> float:
        """The share of the words that no listing has; 1 for a text without words."""
        found = words(text)
        return sum(word not in self.words for word in found) / len(found) if found else 1.0

    def knows(self, brand: str) -> bool:
        """Whether a listing is of that brand, however it is spelt."""
        return brand_key(brand) in self._codes["brand"][1]

    def count(self, brand: str) -> int:
        """Of how many listings that is the brand, however it is spelt."""
        codes, names = self._codes["brand"]
        return int((codes == names.get(brand_key(brand), -1)).sum())

    def common(self, name: str, category: str, count: int) -> list[str]:
        """The most frequent values of ``brand`` or one of ``FACTS``, in a category if known."""
        codes, names = self._codes[name]
        if category in self._codes["normalized_category"][1]:
            codes = codes[self._rows("normalized_category", category)]
        skipped = [names.get(value, -1) for value in ("", UNBRANDED)]
        frequencies = np.bincount(codes, minlength=len(names))
        frequencies[[code for code in skipped if code >= 0]] = 0
        order = np.argsort(-frequencies, kind="stable")[:count]
        values = list(names)
        return [values[place] for place in order if frequencies[place]]

    def look_up(
        self, titles: Sequence[str], stated: Sequence[Mapping[str, str]]
    ) -> list["Neighbours"]:
        """What is like each listing.

        stated: what is known of each: normalized_category, brand (a key), condition, platform.
        """
        weights = _counts([words(title) for title in titles], self.vocabulary)
        weights.data = (1 + np.log(weights.data)) * self.idf[weights.indices]
        norms = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=1)).ravel())
        similar = (weights @ self._by_word).tocsr()
        found = []
        for row, facts in enumerate(stated):
            place = slice(similar.indptr[row], similar.indptr[row + 1])
            cosine = np.zeros(len(self.titles), np.float32)
            cosine[similar.indices[place]] = similar.data[place] / max(norms[row], 1e-9)
            found.append(self._look_up(cosine, facts))
        return found

    def _rows(self, name: str, value: str) -> np.ndarray:
        codes, names = self._codes[name]
        return codes == names.get(value, -1)

    def _look_up(self, cosine: np.ndarray, facts: Mapping[str, str]) -> "Neighbours":
        alike = np.ones(len(cosine), bool)
        category, brand = facts.get("normalized_category", ""), facts.get("brand", "")
        if category and (same := self._rows("normalized_category", category)).any():
            alike = same
        # Who names no brand sells a piece of none: luxury is never sold without its name.
        same = alike & self._rows("brand", brand)
        if same.sum() >= (1 if brand else COUNT):
            alike = same
        rows = np.flatnonzero(alike)
        codes, names = self._codes["platform"]
        # By the root, since how many listings of a platform are known is chance.
        counts = np.sqrt(np.bincount(codes[rows], OTHERS + cosine[rows], len(names)))
        platforms = dict(zip(names, (counts / max(counts.sum(), 1e-9)).tolist(), strict=True))
        score = cosine[rows]
        if facts.get("condition"):
            steps = np.abs(self.grade[rows] - CONDITIONS.index(facts["condition"]))
            score = score - NEAR * np.where(self.grade[rows] < 0, 2, steps)
        if facts.get("platform"):
            score = score + SAME_PLATFORM * self._rows("platform", facts["platform"])[rows]
        if len(rows) > (many := 8 * COUNT):
            best = np.argpartition(-score, many)[:many]
            rows, score = rows[best], score[best]
        distinct: dict[tuple[str, float], int] = {}
        for row in rows[np.argsort(-score, kind="stable")]:
            distinct.setdefault((self.titles[row].casefold(), float(self.price_usd[row])), int(row))
        nearest = list(distinct.values())[:COUNT]
        return Neighbours([(row, float(min(cosine[row], 1))) for row in nearest], platforms)

    def save(self, folder: Path) -> None:
        """Writes ``FILE`` and a JSON beside it."""
        arrays = {
            "price_usd": self.price_usd,
            "grade": self.grade,
            "idf": self.idf,
            "data": self.matrix.data,
            "indices": self.matrix.indices.astype(np.int32),
            "indptr": self.matrix.indptr.astype(np.int64),
        }
        with atomic(folder / FILE) as temporary:
            temporary.write_bytes(save(arrays))
        texts = {"titles": self.titles, "brands": self.brands, "facts": self.facts}
        texts |= {"vocabulary": list(self.vocabulary), "known": self.known}
        texts["words"] = sorted(self.words - self.vocabulary.keys())
        write_json(texts, (folder / FILE).with_suffix(".json"))

    @classmethod
    def load(cls, folder: Path) -> "Comparables":
        """Reads what :meth:`save` wrote. Raises StageError when it is missing."""
        arrays = load_file(require(folder / FILE, COMMAND))
        path = require((folder / FILE).with_suffix(".json"), COMMAND)
        texts = json.loads(path.read_text("utf-8"))
        vocabulary = {word: place for place, word in enumerate(texts["vocabulary"])}
        return cls(
            texts["titles"],
            texts["brands"],
            texts["facts"],
            arrays["price_usd"],
            arrays["grade"],
            csr_matrix(
                (arrays["data"], arrays["indices"], arrays["indptr"]),
                shape=(len(texts["titles"]), len(vocabulary)),
            ),
            vocabulary,
            arrays["idf"],
            frozenset(vocabulary) | frozenset(texts["words"]),
            texts["known"],
        )


def _counts(tokens: Sequence[Sequence[str]], vocabulary: Mapping[str, int]) -> csr_matrix:
    """How often each word of the vocabulary stands in each text, (n, vocabulary)."""
    places = [[vocabulary[word] for word in row if word in vocabulary] for row in tokens]
    indptr = np.cumsum([0, *map(len, places)])
    indices = np.fromiter((place for row in places for place in row), np.int32, indptr[-1])
    counts = csr_matrix(
        (np.ones(len(indices), np.float32), indices, indptr), (len(places), len(vocabulary))
    )
    counts.sum_duplicates()
    return counts
