"""A ridge regression with weights that all platforms share, and each platform's own on top."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import Ridge

from resale.condition import CONDITIONS

# Scales of the columns, which stand for how far their weights may go: chosen on validation rows.
SHARED, OWN, SPELLING, CONDITION, NEW_PRICE = 0.7, 0.7, 1.0, 0.4, 0.5
ALPHA, TOLERANCE = 2.0, 1e-2
MIN_ROWS = 2  # of a platform that hold a word, for a weight of its own there
ANCHOR = CONDITIONS.index("very good")
N_STEPS = len(CONDITIONS) - 1


@dataclass
class Sparse:
    """Listings as the sparse models read them.

    words, spelling: of :meth:`resale.words.Words.transform`; platform: (n,) places among the
    platforms; grade: (n,) places in CONDITIONS, -1 unknown; log_new: (n,) NaN unknown.
    """

    words: csr_matrix
    spelling: csr_matrix
    platform: np.ndarray
    grade: np.ndarray
    log_new: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> "Sparse":
        return Sparse(*(part[rows] for part in vars(self).values()))

    @property
    def columns(self) -> csr_matrix:
        """Words, and the stated new price with a flag that it is there."""
        known = np.isfinite(self.log_new)
        price = np.where(known, self.log_new, 4) - 4  # e^4 USD is a middling new price
        return hstack(
            [self.words, csr_matrix(np.column_stack([price, known]) * NEW_PRICE)],
            format="csr",
            dtype=np.float32,
        )


def condition_steps(grade: np.ndarray) -> np.ndarray:
    """(n, 4): which steps lie between "very good" and a grade, -1 for those that lead down."""
    up = grade[:, None] > np.arange(N_STEPS)
    down = (np.arange(N_STEPS) < ANCHOR) & (grade >= 0)[:, None]
    return up.astype(np.float32) - down


@dataclass
class HierarchicalRidge:
    """The target is standardised by platform. Better conditions never lower it.

    shared: weights of :attr:`Sparse.columns`; own, spelling: keys and weights of a platform's
    columns; level: (platforms,); steps: (platforms, 4) of the condition, not negative; unknown:
    (platforms,), where the condition is not stated.
    """

    shared: np.ndarray
    own_keys: np.ndarray
    own: np.ndarray
    spelling_keys: np.ndarray
    spelling: np.ndarray
    level: np.ndarray
    steps: np.ndarray
    unknown: np.ndarray

    @classmethod
    def fit(
        cls, rows: Sparse, target: np.ndarray, weight: np.ndarray, platforms: int
    ) -> "HierarchicalRidge":
        """target, weight: (n,)."""
        columns, n = rows.columns, len(target)
        own_keys, own = _copies(columns, rows.platform)
        spelling_keys, spelling = _copies(rows.spelling, rows.platform)
        steps = np.column_stack([condition_steps(rows.grade), rows.grade < 0]).astype(np.float32)
        places = np.arange(n), rows.platform
        of_platform = csr_matrix((np.ones(n, np.float32), places), shape=(n, platforms))
        blocks = [csr_matrix(steps) * CONDITION]
        blocks += [of_platform.multiply(step[:, None]) * CONDITION for step in steps.T]
        blocks += [of_platform * CONDITION, columns * SHARED, own * OWN, spelling * SPELLING]
        matrix = hstack(blocks, format="csr", dtype=np.float32)
        model = Ridge(alpha=ALPHA, solver="sparse_cg", tol=TOLERANCE)
        model.fit(matrix, target.astype(np.float32), sample_weight=weight / weight.mean())
        widths = [N_STEPS + 1, (N_STEPS + 1) * platforms, platforms, columns.shape[1]]
        widths += [own.shape[1], spelling.shape[1]]
        weights = np.split(model.coef_.astype(np.float32), np.cumsum(widths)[:-1])
        condition = CONDITION * (weights[0] + weights[1].reshape(-1, platforms).T)
        return cls(
            weights[3] * SHARED,
            own_keys,
            weights[4] * OWN,
            spelling_keys,
            weights[5] * SPELLING,
            (weights[2] * CONDITION + model.intercept_).astype(np.float32),
            np.maximum(condition[:, :N_STEPS], 0),
            condition[:, N_STEPS],
        )

    def predict(self, rows: Sparse) -> np.ndarray:
        """(n,) standardised log prices."""
        columns = rows.columns
        result = columns @ self.shared + self.level[rows.platform]
        result += _own_part(columns, rows.platform, self.own_keys, self.own)
        result += _own_part(rows.spelling, rows.platform, self.spelling_keys, self.spelling)
        result += (condition_steps(rows.grade) * self.steps[rows.platform]).sum(axis=1)
        return (result + self.unknown[rows.platform] * (rows.grade < 0)).astype(np.float32)


def _keys(matrix: csr_matrix, platform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row number, and platform and column as one number, of each entry."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return row, platform[row].astype(np.int64) * matrix.shape[1] + matrix.indices


def _copies(matrix: csr_matrix, platform: np.ndarray) -> tuple[np.ndarray, csr_matrix]:
    """A copy of each column for each platform with MIN_ROWS rows that have it; keys ascend."""
    row, key = _keys(matrix, platform)
    keys, place, count = np.unique(key, return_inverse=True, return_counts=True)
    enough = count >= MIN_ROWS
    kept = enough[place]
    column = (np.cumsum(enough) - 1)[place[kept]]
    shape = matrix.shape[0], int(enough.sum())
    return keys[enough], csr_matrix((matrix.data[kept], (row[kept], column)), shape=shape)


def _own_part(matrix, platform, keys: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if not len(keys):
        return np.zeros(matrix.shape[0], np.float32)
    row, key = _keys(matrix, platform)
    place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
    part = np.where(keys[place] == key, weights[place] * matrix.data, 0)
    return np.bincount(row, part, minlength=matrix.shape[0]).astype(np.float32)
