"""Figures of what prices come from: results tables in, one PNG out; see common/figures.py."""

from pathlib import Path

import numpy as np
import pandas as pd

from common.figures import SOURCE_STYLE, _figure, _save, _write
from common.figures import _plain as plain

MOST_VALUES = 12  # of a source, half of them those that raise a price
LEAST_APART = 0.85  # of the largest number of products: a number above it would hide its label


def ablation(table: pd.DataFrame, path: Path) -> Path:
    """R2 by what the model is given: each kind of input alone, and all but one."""
    means = table.groupby("given", sort=False)["r2"].agg(["mean", "min", "max"])
    means = means.sort_values("mean")
    figure, axes = _figure(7.4, 1.2 + 0.32 * len(means))
    place = np.arange(len(means))
    shade = ["#0072B2" if "alone" in name else "0.6" for name in means.index]
    axes.barh(place, means["mean"], color=shade)
    axes.hlines(place, means["min"], means["max"], color="0.2", linewidth=1.5)
    axes.set_yticks(place, means.index)
    axes.set_xlabel("R² on test products (line: from the worst seed to the best)")
    return _save(figure, axes, path, "What a price is read from")


def size_curve(table: pd.DataFrame, path: Path) -> Path:
    """R2 and median error by the number of products learned from, per model."""
    figure, first = _figure(9.6, 4.0)
    first.remove()
    sides = figure.subplots(1, 2)
    for axes, (column, label, factor) in zip(
        sides, (("r2", "R² on test products", 1), ("mdape", "median error (%)", 100)), strict=True
    ):
        for index, (model, own) in enumerate(table.groupby("model", sort=False)):
            by_size = factor * own.groupby("learning_products")[column].agg(["mean", "min", "max"])
            axes.plot(by_size.index, by_size["mean"], "o-", color=f"C{index}", label=model)
            axes.fill_between(
                by_size.index, by_size["min"], by_size["max"], color=f"C{index}", alpha=0.2
            )
        axes.set(xscale="log", xlabel="products learned from", ylabel=label)
        *sizes, most = sorted(set(table["learning_products"]))
        sizes = [*(size for size in sizes if size < LEAST_APART * most), most]
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=45)
        axes.minorticks_off()
        axes.legend(fontsize=8)
        plain(axes)
    return _write(figure, path)


def effects(table: pd.DataFrame, path: Path) -> Path:
    """By how much the values of named attributes raise or lower a price, the strongest of each.

    table: rows ``source, attribute, value, effect`` (a factor less one); rows without a value are
    left out.
    """
    table = table[table["value"].notna() & (table["value"] != "")]
    table = table[(table["value"] != "other") & (table["attribute"] != "all")]
    sources = [name for name in SOURCE_STYLE if (table["source"] == name).any()]
    figure, first = _figure(6.2 * max(1, len(sources)), 5.4)
    first.remove()
    all_axes = np.atleast_1d(figure.subplots(1, max(1, len(sources))))
    for axes, source in zip(all_axes, sources, strict=False):
        own = table[table["source"] == source].sort_values("effect")
        half = MOST_VALUES // 2
        if len(own) > MOST_VALUES:
            own = pd.concat([own.head(half), own.tail(half)])
        colours = ["#D55E00" if effect < 0 else "#0072B2" for effect in own["effect"]]
        axes.barh(range(len(own)), 100 * own["effect"], color=colours)
        names = own["attribute"].str.removeprefix("normalized_").str.replace("_", " ")
        axes.set_yticks(range(len(own)), names + ": " + own["value"])
        axes.axvline(0, color="0.35", linewidth=1)
        axes.set(xlabel="change of the price (%)", title=SOURCE_STYLE[source][2])
        plain(axes)
    return _write(figure, path)
