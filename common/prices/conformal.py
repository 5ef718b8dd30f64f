"""Prediction intervals of prices by conformalised quantile regression.

Romano, Patterson and Candes, "Conformalized quantile regression", NeurIPS 2019; a member of an
ensemble is calibrated by the fold it has not learned from (Vovk, "Cross-conformal predictors",
2015), with a margin for each band of predicted prices (Mondrian conformal prediction).
"""

from dataclasses import dataclass

import numpy as np

COVERAGE = 0.9
# Chosen on validation rows of the study set. An ensemble errs less than the member that calibrates
# it; and most misses lie at the ends of the price list, below a cheap prediction, above a dear one.
MEMBER_COVERAGE = 0.87
# Of a band's misses, the cheapest expects 0.5 - TILT below its interval and 0.5 + TILT above, the
# dearest the reverse; towards the middle the tilt falls off as a root, late.
TILT, FALL = 0.4, 0.5
BANDS = 10
MIN_ROWS = 40  # of a band: with fewer, its outer quantiles are a matter of luck


@dataclass(frozen=True)
class ConformalMargins:
    """What is added to both quantiles of the log price, by band of the predicted price.

    edges: USD, ascending, one fewer than bands. below, above: by band, in log USD. constant: the
    baseline, half the width in USD of an interval that is the same for all prices.
    """

    edges: list[float]
    below: list[float]
    above: list[float]
    constant: float

    @classmethod
    def calibrate(
        cls, true_usd: np.ndarray, usd, log_low, log_high, coverage: float = MEMBER_COVERAGE
    ) -> "ConformalMargins":
        """From predictions (n_rows,) of rows not learned from; coverage: sought, of a member."""
        bands = max(1, min(BANDS, len(usd) // MIN_ROWS))
        # Prices that occur, and below the dearest: no band is empty, however few prices there are.
        edges = np.unique(np.quantile(usd, np.arange(1, bands) / bands, method="lower"))
        edges = edges[edges < usd.max()]
        band_of, log = np.searchsorted(edges, usd), np.log(true_usd)
        below, above = [], []
        for band in range(len(edges) + 1):
            rows = band_of == band
            place = 2 * band / len(edges) - 1 if len(edges) else 0.0
            outward = TILT * np.sign(place) * abs(place) ** FALL
            misses = (1 - coverage) * (0.5 + outward)
            below.append(_conformal_quantile((log_low - log)[rows], 1 - misses))
            above.append(_conformal_quantile((log - log_high)[rows], coverage + misses))
        constant = _conformal_quantile(np.abs(true_usd - usd), COVERAGE)
        return cls(edges.tolist(), below, above, constant)

    def interval(
        self, usd: np.ndarray, log_low: np.ndarray, log_high: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Low and high end in USD (n_rows,); the price itself is always between them."""
        band = np.searchsorted(self.edges, usd)
        low = np.exp(log_low - np.take(self.below, band))
        high = np.exp(log_high + np.take(self.above, band))
        return np.minimum(low, usd), np.maximum(high, usd)


def _conformal_quantile(scores: np.ndarray, level: float) -> float:
    # Of n scores and the one to come, the smallest that reaches the level.
    rank = min(1.0, np.ceil((len(scores) + 1) * level) / len(scores))
    return float(np.quantile(scores, rank, method="higher"))
