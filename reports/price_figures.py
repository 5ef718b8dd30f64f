"""Figures of the price stages: parity, residuals, prediction intervals, importances.

As in :mod:`common.figures`: arrays in, one PNG out. Prices are USD; `source` holds HNM or FASHION
per row.
"""

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from common.figures import SOURCE_STYLE, new_figure, save, thin
from common.metrics import PRICE_FLOOR_USD


def price_parity(true, pred, source, path, title):
    """Predicted against listed price, (n,) each in USD, on log axes with the +-25 % band."""
    true, pred = _prices(true), _prices(pred)
    low, high = min(true.min(), pred.min()) / 1.3, max(true.max(), pred.max()) * 1.3
    figure, axes = new_figure(6.4, 6.0)
    line = np.array([low, high])
    axes.fill_between(line, line * 0.75, line * 1.25, color="0.9", label="within 25 %", zorder=0)
    axes.plot(line, line, color="0.35", linewidth=1, label="exact", zorder=1)
    for rows, style, label in _by_source(source):
        median = np.median(np.abs(pred[rows] / true[rows] - 1))
        label = f"{label}: {len(rows):,} products, median error {median:.0%}"
        rows = thin(rows)
        axes.scatter(true[rows], pred[rows], s=12, alpha=0.45, linewidths=0, label=label, **style)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.set(xlabel="listed price (USD)", ylabel="predicted price (USD)")
    _dollar_ticks(axes.xaxis, axes.yaxis)
    axes.legend(loc="upper left", fontsize=8, framealpha=0.9)
    return save(figure, axes, path, title)


def residuals(true, pred, source, path, title):
    """Relative error against listed price, and its histogram, by source; (n,) each in USD."""
    true, pred = _prices(true), _prices(pred)
    ratio = np.log2(pred / true)
    limit = max(0.5, float(np.quantile(np.abs(ratio), 0.995)))
    ratio = np.clip(ratio, -limit, limit)  # one off the chart is drawn on its edge
    figure, (axes, histogram) = new_figure(9.0, 4.4, ncols=2, sharey=True, width_ratios=[3, 1])
    bins = {"bins": np.linspace(-limit, limit, 41), "orientation": "horizontal", "density": True}
    for rows, style, label in _by_source(source):
        histogram.hist(ratio[rows], alpha=0.5, color=style["color"], **bins)
        rows = thin(rows)
        axes.scatter(true[rows], ratio[rows], s=11, alpha=0.4, linewidths=0, label=label, **style)
    for part in (axes, histogram):
        part.axhline(0, color="0.35", linewidth=1)
    axes.set(xscale="log", xlabel="listed price (USD)", ylabel="predicted / listed price")
    axes.set_ylim(-limit * 1.04, limit * 1.04)
    _dollar_ticks(axes.xaxis)
    axes.yaxis.set_major_formatter(lambda power, _: f"{2.0**power:.2g}×")
    histogram.set_xlabel("density")
    axes.legend(loc="upper right", fontsize=8)
    return save(figure, (axes, histogram), path, title)


def price_ranges(true, low, high, path, title, level=0.9):
    """Ranges of 120 products in order of their prices, and the share inside by price decile.

    `true`, `low`, `high`: (n,) in USD; `level`: the coverage that was aimed at.
    """
    true, low, high = _prices(true), _prices(low), _prices(high)
    inside = (low <= true) & (true <= high)
    figure, (axes, bars) = new_figure(9.6, 4.4, ncols=2, width_ratios=[2, 1])
    rows = np.random.default_rng(0).permutation(len(true))[:120]
    rows = rows[np.argsort(true[rows], kind="stable")]
    axes.vlines(np.arange(len(rows)), low[rows], high[rows], color="0.75", linewidth=2)
    for hits, colour, marker, label in (
        (inside[rows], "#0072B2", "o", "inside its range"),
        (~inside[rows], "#D55E00", "x", "outside"),
    ):
        style = {"s": 14, "color": colour, "marker": marker}
        axes.scatter(np.flatnonzero(hits), true[rows[hits]], label=label, **style)
    axes.set(yscale="log", ylabel="listed price (USD)")
    axes.set(xlabel="products, cheapest first", xticks=[])
    _dollar_ticks(axes.yaxis)
    axes.legend(loc="upper left", fontsize=8)
    decile = np.digitize(true, np.quantile(true, np.arange(1, 10) / 10))
    sizes = np.maximum(np.bincount(decile, minlength=10), 1)
    bars.bar(range(1, 11), np.bincount(decile, inside, minlength=10) / sizes, color="#0072B2")
    bars.axhline(level, color="0.35", linewidth=1, linestyle="--")
    bars.set(
        xlabel="price decile", ylabel="share inside the range", ylim=(0, 1), xticks=range(1, 11)
    )
    return save(figure, (axes, bars), path, f"{title}: {inside.mean():.0%} inside")


def importances(names, values, path, title):
    """The 25 features with the largest values, as shares of the total, largest on top."""
    names, values = np.asarray(names), np.asarray(values, float)
    top = np.argsort(values)[::-1][:25]
    share = 100 * values[top] / max(values.sum(), np.finfo(float).tiny)
    figure, axes = new_figure(7.4, 1.4 + 0.25 * len(top))
    axes.barh(range(len(top)), share, color="#0072B2")
    axes.set_yticks(range(len(top)), names[top])
    axes.invert_yaxis()
    axes.set_xlabel("share of the total importance (%)")
    return save(figure, axes, path, title)


def _prices(values):
    return np.maximum(np.asarray(values, float), PRICE_FLOOR_USD)  # a log axis needs a floor


def _by_source(source):
    """Yields (row numbers, style, label) of each source that occurs."""
    for name, (colour, marker, label) in SOURCE_STYLE.items():
        if len(rows := np.flatnonzero(np.asarray(source) == name)):
            yield rows, {"color": colour, "marker": marker}, label


def _dollar_ticks(*log_axes):
    for axis in log_axes:
        axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
        axis.set_major_formatter(lambda usd, _: f"${usd:,.3g}" if usd < 1000 else f"${usd:,.0f}")
        axis.set_minor_formatter(NullFormatter())
