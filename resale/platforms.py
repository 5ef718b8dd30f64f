"""The marketplaces that a model has learned from: price levels, and which of them are general."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

SCALES = 0.3, 1.5  # least and largest deviation of log prices that a platform is scaled by
REFERENCES = 8  # platforms, at most, that a reference price is the mean of
SCRIPTS = {"hangul": re.compile("[\uac00-\ud7a3]"), "kana": re.compile("[\u3040-\u30ff]")}
GRADE_NEW = 3  # of CONDITIONS: new, and new with tags above it
NARROW = 0.8  # share of the commonest category above which a platform is not general


@dataclass
class Platforms:
    """By place: name, median and deviation of the log price, rows by kind of price, script.

    general: sells worn goods of many kinds, so that its prices tell what a garment is worth.
    """

    names: list[str]
    median: list[float]
    scale: list[float]
    rows: list[int]
    kinds: list[dict[str, int]]
    script: list[str]
    general: list[bool]

    @classmethod
    def fit(cls, fields: pd.DataFrame, log_usd: np.ndarray) -> "Platforms":
        """fields: rows of :func:`resale.fields.read_fields`; log_usd: their log prices."""
        facts = []
        for name, rows in fields.groupby("platform", sort=True):
            prices = log_usd[rows.index]
            deviation = float(np.std(prices, ddof=1)) if len(rows) > 1 else 1.0
            kinds = rows["kind"].where(rows["kind"] != "", "unknown").value_counts()
            graded = rows["grade"][rows["grade"] >= 0]
            all_new = len(graded) > len(rows) / 2 and (graded >= GRADE_NEW).mean() > 0.95
            labels = rows["our_category"][rows["our_category"] != ""]
            narrow = len(labels) and labels.value_counts(normalize=True).iloc[0] > NARROW
            scripts = rows["title"].map(script).value_counts()
            facts.append(
                (
                    name,
                    float(np.median(prices)),
                    float(np.clip(deviation, *SCALES)),
                    len(rows),
                    {kind: int(count) for kind, count in kinds.items()},
                    scripts.index[0],
                    not (all_new or narrow),
                )
            )
        return cls(*map(list, zip(*facts, strict=True)))

    def places(self, names: pd.Series) -> np.ndarray:
        """(n,) places; -1 for an empty or unknown name."""
        return pd.Index(self.names).get_indexer(names)

    def references(self, text: str) -> list[int]:
        """Places of the platforms that price a listing of no platform, by its script."""
        everywhere = range(len(self.names))
        chosen = [place for place in everywhere if self.general[place]] or list(everywhere)
        alike = [place for place in chosen if self.script[place] == script(text)]
        largest = sorted(alike or chosen, key=lambda place: -self.rows[place])
        return sorted(largest[:REFERENCES])

    def to_log(self, z: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Log USD of standardised log prices."""
        return z * np.take(self.scale, places) + np.take(self.median, places)

    def to_z(self, log_usd: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Standardised log prices of log USD."""
        return (log_usd - np.take(self.median, places)) / np.take(self.scale, places)


def script(text: str) -> str:
    """Which letters a text is written in: hangul, kana or latin, which stands for all others."""
    return next((name for name, letters in SCRIPTS.items() if letters.search(text)), "latin")
