"""A range for every price: conformalised quantile regression.

Romano, Patterson and Candes, "Conformalized quantile regression", NeurIPS 2019; with the rows
that calibrate a member of an ensemble taken from the fold it has not learned from (Vovk,
"Cross-conformal predictors", 2015), and a margin for each band of predicted prices (Mondrian
conformal prediction), since dear goods are harder to price than cheap ones.

Three numbers were chosen on validation rows of the study set. An ensemble errs less than the member
that calibrates it, so a member is asked for less than the coverage that is wanted. And most of
what a range misses lies at the ends of the price list, below a cheap forecast and above a dear
one: there the end that faces outward gets most of the width.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

GROUP_KEY = ("experiment", "features", "method", "split", "seed", "group")

COVERAGE = 0.9
MEMBER_COVERAGE = 0.87
# Of a band's misses, the cheapest expects 0.5 - TILT below its range and 0.5 + TILT above, the
# dearest the reverse; towards the middle the tilt falls off as a root, late.
TILT, FALL = 0.4, 0.5
BANDS = 10
FEWEST = 40  # rows of a band: with fewer, its outer quantiles are a matter of luck


@dataclass(frozen=True)
class ConformalMargins:
    """What is added to both quantiles of the log price, by band of the predicted price.

    edges: USD, ascending, one fewer than bands. below, above: one number a band, in log USD.
    constant: half the width, in USD, of the interval that is the same for all (the baseline).
    """

    edges: list[float]
    below: list[float]
    above: list[float]
    constant: float

    @classmethod
    def calibrate(
        cls, true_usd: np.ndarray, usd: np.ndarray, log_low: np.ndarray, log_high: np.ndarray
    ) -> "ConformalMargins":
        """From rows that the predictions have not learned from; all arrays (n_rows,).

        The two ends are calibrated apart.
        """
        bands = max(1, min(BANDS, len(usd) // FEWEST))
        # Prices that occur, and below the dearest: no band is empty, however few prices there are.
        edges = np.unique(np.quantile(usd, np.arange(1, bands) / bands, method="lower"))
        edges = edges[edges < usd.max()]
        band, log = np.searchsorted(edges, usd), np.log(true_usd)
        below, above = [], []
        for one in range(len(edges) + 1):
            rows = band == one
            place = 2 * one / len(edges) - 1 if len(edges) else 0.0
            outward = TILT * np.sign(place) * abs(place) ** FALL
            misses = (1 - MEMBER_COVERAGE) * (0.5 + outward)
            below.append(_conformal((log_low - log)[rows], 1 - misses))
            above.append(_conformal((log - log_high)[rows], MEMBER_COVERAGE + misses))
        return cls(edges.tolist(), below, above, constant_width(true_usd, usd))

    def interval(
        self, usd: np.ndarray, log_low: np.ndarray, log_high: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Low and high end in USD (n_rows,); the price itself is always between them."""
        band = np.searchsorted(self.edges, usd)
        low = np.exp(log_low - np.asarray(self.below)[band])
        high = np.exp(log_high + np.asarray(self.above)[band])
        return np.minimum(low, usd), np.maximum(high, usd)


def constant_width(true_usd: np.ndarray, usd: np.ndarray) -> float:
    """Half the width, in USD, of the one interval for all prices that covers COVERAGE of them.

    Split conformal prediction from absolute errors, the baseline: rows as in `calibrate`.
    """
    return _conformal(np.abs(true_usd - usd), COVERAGE)


def by_group(
    table: pd.DataFrame, usd: np.ndarray, low: np.ndarray, high: np.ndarray
) -> Iterator[dict]:
    """Errors and coverage over all rows, of each source, gender and category and price decile.

    table: the products, with their true prices and labels; usd, low, high: (n_rows,) in USD.
    """
    from common import metrics  # scikit-learn takes seconds to import; prices alone need none

    true = table["price_usd"].to_numpy()
    decile = pd.Series(np.digitize(true, np.quantile(true, np.arange(1, 10) / 10)) + 1, table.index)
    groupings = {
        "all": pd.Series("all", table.index),
        "source": table["dataset_source"],
        "gender": table["normalized_gender"],
        "category": table["normalized_category"],
        "price decile": decile.astype(str),
    }
    for grouping, groups in groupings.items():
        for group in sorted(set(groups), key=lambda one: (len(one), one)):
            rows = (groups == group).to_numpy()
            error = np.abs(usd[rows] - true[rows])
            yield {
                "grouping": grouping,
                "group": group,
                "n": int(rows.sum()),
                "mae": float(error.mean()),
                "mdape": float(np.median(error / true[rows])),
                "bias": float((usd[rows] - true[rows]).mean()),
                **metrics.interval(true[rows], low[rows], high[rows]),
            }


def _conformal(scores: np.ndarray, level: float) -> float:
    # Of n scores and the one to come, the smallest that reaches the level.
    rank = min(1.0, np.ceil((len(scores) + 1) * level) / len(scores))
    return float(np.quantile(scores, rank, method="higher"))
