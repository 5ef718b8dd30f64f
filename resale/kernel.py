"""How alike two listings are, for a marketplace with few listings of its own."""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from resale.level_one import LevelOne
from resale.ridge import ANCHOR, condition_steps

LEAST_ROWS = 250  # of a known platform that is asked for its prices
LETTERS = HashingVectorizer(
    analyzer="char_wb", ngram_range=(2, 5), n_features=2**18, norm=None, alternate_sign=False
)
TEXTS = ["title", "description", "brand", "category", "gender", "size", "colour", "material"]


# Prior variances of the parts of a standardised log price. Chosen so that 100 rows of a platform
# that was left out predict its validation rows best, on average over 23 platforms.
WEIGHTS = {
    "level": 3.0,
    "letters": 0.65,
    "mean price": 1.1,
    "differences": 0.14,
    "near prices": 0.19,
    "brand": 0.45,
    "category": 0.18,
    "new price": 0.56,
    "length": 0.25,
    "worth": 7.9,
    "steps": 0.02,
    "unknown": 0.02,
    "noise": 1.33,
}
# What many own rows tell better: how much their own letters and the noise count.
FACTORS = {"letters": (0.5, 1, 2), "noise": (0.6, 1, 1.6)}


@dataclass
class Listings:
    """What listings are compared by.

    prices: (n, platforms) standardised, as known platforms have them in very good condition;
    letters: (n, hashes), TF-IDF of length 1; brand, category: (n,) hashes, 0 unknown; numbers:
    (n, 3), new price, whether it is known, length of the text; condition: (n, 6), its worth to
    the mean platform, its four steps, whether it is unknown.
    """

    prices: np.ndarray
    letters: csr_matrix
    brand: np.ndarray
    category: np.ndarray
    numbers: np.ndarray
    condition: np.ndarray

    @classmethod
    def read(cls, base: LevelOne, fields: pd.DataFrame, idf: np.ndarray) -> "Listings":
        """fields: of :func:`resale.fields.read_fields`; idf: weights of the hashes of letters."""
        rows = base.sparse(fields)
        steps, unknown = condition_steps(rows.grade), rows.grade < 0
        rows.grade = np.full(len(fields), ANCHOR)
        prices = []
        for place in known_platforms(base):
            rows.platform = np.full(len(fields), place)
            prices.append(base.ridge.predict(rows))
        priced = np.isfinite(rows.log_new)
        length = np.log1p(fields["title"].str.len() + fields["description"].str.len())
        return cls(
            np.column_stack(prices).astype(np.float64),
            normalize(count_letters(fields).multiply(idf).tocsr()),
            _hash(fields["brand"]),
            _hash(fields["category"]),
            np.column_stack([np.where(priced, rows.log_new, 4) - 4, priced, length - 4]),
            np.column_stack([steps @ mean_steps(base), steps, unknown]),
        )

    def mean_price(self) -> np.ndarray:
        """(n, 1)."""
        return self.prices.mean(axis=1, keepdims=True)

    def differences(self) -> np.ndarray:
        """(n, platforms): by how much platforms deviate from their mean."""
        return self.prices - self.mean_price()


def known_platforms(base: LevelOne) -> np.ndarray:
    """Places of the platforms that are asked for their prices."""
    rows = np.asarray(base.platforms.rows)
    return np.flatnonzero(rows >= min(LEAST_ROWS, rows.max()))


def mean_steps(base: LevelOne) -> np.ndarray:
    """The four steps of the condition, mean of the known platforms."""
    return base.ridge.steps[known_platforms(base)].mean(axis=0)


def count_letters(fields: pd.DataFrame) -> csr_matrix:
    """Sublinear counts (n, hashes) of the texts' letters in twos to fives."""
    counts = LETTERS.transform(fields[TEXTS].agg(" \n ".join, axis=1))
    counts.data = 1 + np.log(counts.data)
    return counts


def parts(rows: Listings, own: Listings) -> dict[str, np.ndarray]:
    """By part of a price: how alike `rows` and the own rows are in it, (n, n_own)."""
    between = np.hstack([own.mean_price(), own.differences() / 2])
    among = np.hstack([rows.mean_price(), rows.differences() / 2])
    distance = cdist(among, between, "sqeuclidean") / (between.var(axis=0).sum() + 1e-9)
    differences = own.differences() - own.differences().mean(axis=0)
    spread = (differences**2).sum(axis=1).mean() + 1e-9
    return {
        "level": np.ones((len(rows.brand), len(own.brand))),
        "letters": (rows.letters @ own.letters.T).toarray(),
        "mean price": _product(rows.mean_price(), own.mean_price()),
        "differences": _product(rows.differences(), own.differences()) / spread,
        "near prices": np.exp(-distance),
        "brand": _equal(rows.brand, own.brand),
        "category": _equal(rows.category, own.category),
        "new price": _product(rows.numbers[:, :2], own.numbers[:, :2]) / 4,
        "length": _product(rows.numbers[:, 2:], own.numbers[:, 2:]),
        "worth": rows.condition[:, :1] @ own.condition[:, :1].T,
        "steps": rows.condition[:, 1:5] @ own.condition[:, 1:5].T,
        "unknown": rows.condition[:, 5:] @ own.condition[:, 5:].T,
    }


def solve(alike: dict, target: np.ndarray, weights: dict) -> tuple[np.ndarray, np.ndarray]:
    """Dual coefficients and leave-one-out errors (chapter 5.4.2), (n,) each.

    alike: of :func:`parts` among the own rows; target: (n,) standardised.
    """
    kernel = sum(weights[name] * part for name, part in alike.items())
    kernel[np.diag_indices_from(kernel)] += weights["noise"]
    inverse = np.linalg.inv(kernel)
    alpha = inverse @ target
    return alpha, alpha / np.diag(inverse)


def best_weights(alike: dict, target: np.ndarray) -> dict[str, float]:
    """WEIGHTS with the FACTORS of least leave-one-out error."""
    choices = [
        WEIGHTS
        | {name: WEIGHTS[name] * factor for name, factor in zip(FACTORS, factors, strict=True)}
        for factors in itertools.product(*FACTORS.values())
    ]
    return min(choices, key=lambda weights: (solve(alike, target, weights)[1] ** 2).mean())


def _product(rows: np.ndarray, own: np.ndarray) -> np.ndarray:
    mean = own.mean(axis=0)
    return (rows - mean) @ (own - mean).T


def _equal(rows: np.ndarray, own: np.ndarray) -> np.ndarray:
    return ((rows[:, None] == own) & (own != 0)).astype(np.float64)


def _hash(values: pd.Series) -> np.ndarray:
    hashes = pd.util.hash_array(values.to_numpy(object))
    return np.where(values == "", np.uint64(0), hashes)
