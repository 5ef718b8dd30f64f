"""What the trees read: the ridge's price, target encodings and plain columns of a listing.

For the rows that the trees learn from, ridge and encodings come from the other four of five folds
of groups (stacking: Wolpert, "Stacked generalization", Neural Networks 1992).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.runtime import Progress
from resale.encodings import TargetEncodings, encoding_keys, plain_columns
from resale.fields import blank, read_fields
from resale.platforms import Platforms
from resale.ridge import HierarchicalRidge, Sparse
from resale.words import Words

FOLDS = 5
# Of the rows that are learned from a second time, as a seller types them, and what one counts.
PARTIAL_SHARE, PARTIAL_WEIGHT = 0.5, 0.5
# A platform of a hundred times the rows counts 25 times as much.
WEIGHT_POWER = -0.3
RIDGE, CONDITION = "ridge", "condition"
CATEGORICAL = ("platform", "kind of price")


@dataclass
class Stack:
    """Rows that the trees learn from.

    matrix: float32 (m, columns), out of fold; target, weight: (m,);
    fold: (m,); partial: (m,) whether only what a seller types is shown.
    """

    matrix: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    fold: np.ndarray
    partial: np.ndarray
    fields: pd.DataFrame


@dataclass
class LevelOne:
    """Platforms, words, ridge and encodings, fitted on all rows."""

    platforms: Platforms
    words: Words
    ridge: HierarchicalRidge
    encodings: TargetEncodings

    @classmethod
    def fit(cls, table: pd.DataFrame, folds: int = FOLDS) -> tuple["LevelOne", Stack]:
        """table: rows of the product table, of which the column `group` is optional.

        Without `folds` the stack has no columns for trees.
        """
        log_usd = np.log(table["price_usd"].to_numpy(np.float64))
        full = read_fields(table)
        platforms = Platforms.fit(full, log_usd)
        place = platforms.places(full["platform"])
        target = platforms.to_z(log_usd, place)
        weight = platform_weights(platforms, place)
        groups = table["group"] if "group" in table else np.arange(len(table))
        fold_of_group = np.random.default_rng(5).integers(0, max(folds, 1), len(table))
        fold = fold_of_group[pd.factorize(groups)[0]]
        words = Words().fit(full)

        second = np.flatnonzero(np.random.default_rng(6).random(len(full)) < PARTIAL_SHARE)
        partial = blank(full.iloc[second].reset_index(drop=True), seed=7)
        fields = pd.concat([full, partial], ignore_index=True)
        row = np.concatenate([np.arange(len(full)), second])
        sparse = _sparse(fields, words.transform(fields), place[row])
        keys = encoding_keys(fields)

        def fitted(rows: np.ndarray) -> "LevelOne":
            ridge = HierarchicalRidge.fit(
                sparse[rows], target[rows], weight[rows], len(platforms.names)
            )
            encodings = TargetEncodings.fit(_pick(keys, rows), target[rows])
            return cls(platforms, words, ridge, encodings)

        columns: dict[str, np.ndarray] = {}
        for number in Progress(range(folds), "resale ridge", unit="folds"):
            learn, held = np.flatnonzero(fold != number), np.flatnonzero(fold[row] == number)
            if len(learn) and len(held):
                part = fitted(learn)._out_of(sparse[held], _pick(keys, held))
                for name, values in part.items():
                    columns.setdefault(name, np.full(len(row), np.nan))[held] = values
        columns |= _rest(platforms, fields, sparse)
        is_partial = np.arange(len(row)) >= len(full)
        weight = weight[row] / weight.mean() * np.where(is_partial, PARTIAL_WEIGHT, 1)
        stack = Stack(_matrix(columns), target[row], weight, fold[row], is_partial, fields)
        return fitted(np.arange(len(full))), stack

    def sparse(self, fields: pd.DataFrame) -> Sparse:
        """The listings as ridge and network read them; places are -1 for an unknown platform."""
        place = self.platforms.places(fields["platform"])
        return _sparse(fields, self.words.transform(fields), place)

    def matrix(self, fields: pd.DataFrame, sparse: Sparse) -> np.ndarray:
        """float32 (n, columns); each listing must have a platform that is known."""
        columns = self._out_of(sparse, encoding_keys(fields))
        return _matrix(columns | _rest(self.platforms, fields, sparse))

    def _out_of(self, sparse: Sparse, keys: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {RIDGE: self.ridge.predict(sparse), **self.encodings.transform(keys)}


def platform_weights(platforms: Platforms, place: np.ndarray) -> np.ndarray:
    """(n,) weights with which rows of small platforms count more than those of large ones."""
    return np.take(platforms.rows, place) ** WEIGHT_POWER


def column_names(level: LevelOne) -> list[str]:
    """Names of the columns of :meth:`LevelOne.matrix`."""
    empty = read_fields(pd.DataFrame({"title": [""], "platform": level.platforms.names[:1]}))
    sparse = level.sparse(empty)
    columns = level._out_of(sparse, encoding_keys(empty))
    return [*columns, *_rest(level.platforms, empty, sparse)]


def _sparse(fields: pd.DataFrame, matrices: tuple, place: np.ndarray) -> Sparse:
    return Sparse(*matrices, place, fields["grade"].to_numpy(), fields["log_new"].to_numpy())


def _rest(platforms: Platforms, fields: pd.DataFrame, sparse: Sparse) -> dict[str, np.ndarray]:
    return {
        "new price": platforms.to_z(sparse.log_new, sparse.platform),
        "platform": sparse.platform,
        **plain_columns(fields),
    }


def _matrix(columns: dict[str, np.ndarray]) -> np.ndarray:
    return np.column_stack([np.asarray(values, np.float32) for values in columns.values()])


def _pick(keys: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[rows] for name, values in keys.items()}
