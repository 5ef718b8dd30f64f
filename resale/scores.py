"""Means of second-hand scores, platform by platform: for the stages and for the tables."""

import pandas as pd

EXPERIMENT = "resale"  # what second-hand rows of a results table are known by
OWN_RIDGE = "TF-IDF ridge by platform"  # the model that others are held against
MANY_ROWS = 250  # test rows from which on a platform counts in the means


def many_rows(frame: pd.DataFrame, column: str = "n_test") -> pd.DataFrame:
    """The rows of a results table with MANY_ROWS test rows or more; all, where none has so many."""
    many = frame[frame[column] >= MANY_ROWS]
    return many if len(many) else frame


def platform_means(frame: pd.DataFrame, scores: list[str]) -> pd.DataFrame:
    """Means over seeds by model and platform; `ridge`: R2 of the platform's own ridge, NaN unknown.

    frame: second-hand rows of a results table; scores: columns of it, `r2_log` among them.
    """
    means = frame.groupby(["model", "platform"], sort=False)[scores].mean().reset_index()
    ridge = means[means["model"] == OWN_RIDGE].set_index("platform")["r2_log"]
    return means.assign(ridge=means["platform"].map(ridge))
