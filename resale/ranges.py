"""90 % ranges of log prices: conformalised quantile regression by platform and condition.

Romano, Patterson and Candes, "Conformalized quantile regression", NeurIPS 2019. The quantiles of
the error are learned from errors out of fold; how much wider they must be is found by platform and
by condition, the fewer the rows the nearer to the factor of all.
"""

from dataclasses import dataclass

import lightgbm
import numpy as np

from common.runtime import cpu_count
from resale.condition import CONDITIONS

COVERAGE = 0.9
FACTORS = ("platform", "condition", "seller's line")
TAILS = (0.05, 0.95)
SETTINGS = {
    "objective": "quantile",
    "learning_rate": 0.08,
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10,
    "max_bin": 63,
    "verbose": -1,
    "deterministic": True,
    "force_col_wise": True,
}
ROUNDS = 100
LEAST = 0.05  # distance from the price to either end, in deviations of the platform's prices
SHRINKAGE = 30.0  # rows that count for the factor of all
PASSES = 3
FEW = 500


@dataclass
class Ranges:
    """boosters: of the two tails; factors: of the distance to either end, for each of FACTORS.

    The last place among the conditions is that of an unknown condition; a seller's line is one
    without any of the fields of a marketplace's form.
    """

    boosters: list[lightgbm.Booster]
    factors: list[np.ndarray]

    @classmethod
    def fit(
        cls,
        matrix: np.ndarray,
        error: np.ndarray,
        weight: np.ndarray,
        fold: np.ndarray,
        groups: tuple[np.ndarray, ...],
        platforms: int,
    ) -> "Ranges":
        """matrix: what the error (n,) is foretold by, the prediction among it, all out of fold.

        groups: (n,) places by each of FACTORS.
        """
        tails = np.zeros((len(error), len(TAILS)))
        for number in np.unique(fold):
            learn, held = fold != number, fold == number
            if learn.any():
                boosters = _fit_tails(matrix[learn], error[learn], weight[learn])
                tails[held] = _tails(boosters, matrix[held])
        score = np.maximum(error / tails[:, 0], error / tails[:, 1])
        factors = [np.ones(size) for size in (platforms, len(CONDITIONS) + 1, 2)]
        factors[0] *= _quantile(score)
        for _ in range(PASSES):
            for factor, place in zip(factors, groups, strict=True):
                rest = score / _product(factors, groups)
                for group in np.unique(place):
                    rows = place == group
                    share = rows.sum() / (rows.sum() + SHRINKAGE)
                    factor[group] *= _quantile(rest[rows]) ** share
        boosters = _fit_tails(matrix, error, weight)
        return cls(boosters, factors)

    def distances(
        self, matrix: np.ndarray, groups: tuple[np.ndarray, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """How far the ends lie below and above the prediction, in deviations of the platform."""
        low, high = _tails(self.boosters, matrix).T
        factor = _product(self.factors, groups)
        return -low * factor, high * factor


def _product(factors: list[np.ndarray], groups: tuple[np.ndarray, ...]) -> np.ndarray:
    return np.prod([factor[place] for factor, place in zip(factors, groups, strict=True)], axis=0)


def _fit_tails(matrix, error, weight) -> list[lightgbm.Booster]:
    data = lightgbm.Dataset(matrix, error, weight=weight, params=SETTINGS, free_raw_data=False)
    settings = SETTINGS | {"num_threads": cpu_count()}
    return [lightgbm.train(settings | {"alpha": tail}, data, ROUNDS) for tail in TAILS]


def threads_for(matrix: np.ndarray) -> int:
    """To wake another thread takes longer than to price a few listings."""
    return cpu_count() if len(matrix) > FEW else 1


def _tails(boosters: list[lightgbm.Booster], matrix: np.ndarray) -> np.ndarray:
    low, high = (booster.predict(matrix, num_threads=threads_for(matrix)) for booster in boosters)
    return np.column_stack([np.minimum(low, -LEAST), np.maximum(high, LEAST)])


def _quantile(score: np.ndarray) -> float:
    rank = min(1.0, np.ceil((len(score) + 1) * COVERAGE) / len(score))
    return float(max(np.quantile(score, rank, method="higher"), 0.1))
