"""Figures of every stage: arrays in, one PNG out.

Each function draws on its own `Figure` (no pyplot, no global state, no display), writes
atomically and returns the path it wrote. Prices are USD; `source` holds HNM or FASHION per row.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from sklearn.metrics import confusion_matrix

from common.artifacts import atomic
from common.metrics import PRICE_FLOOR_USD

DPI = 130
SOURCE_STYLE = {  # Okabe-Ito colours: told apart with any colour vision; shapes for print
    "HNM": ("#0072B2", "o", "H&M"),
    "FASHION": ("#D55E00", "^", "Fashion Product Images"),
}
MAX_POINTS = 4000  # scatter points a source: more only make the PNG heavy


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


def learning_curves(histories, path, title):
    """Loss per epoch of each run: `{name: {"train_loss": [...], "val_loss": [...]}}`.

    A dot marks the best validation epoch, whose weights are kept.
    """
    figure, axes = new_figure(7.4, 4.4)
    for index, (name, history) in enumerate(histories.items()):
        colour = f"C{index % 10}"
        train, validation = (np.asarray(history[k], float) for k in ("train_loss", "val_loss"))
        axes.plot(np.arange(1, len(train) + 1), train, "--", color=colour, linewidth=1, alpha=0.7)
        axes.plot(np.arange(1, len(validation) + 1), validation, color=colour, label=name)
        if np.isfinite(validation).any():
            best = int(np.nanargmin(validation))
            axes.plot(best + 1, validation[best], "o", color=colour, markersize=5)
    losses = np.concatenate([line.get_ydata() for line in axes.lines])
    losses = losses[np.isfinite(losses)]
    if losses.size and losses.min() > 0 and losses.max() / losses.min() > 20:
        axes.set_yscale("log")
    axes.set(xlabel="epoch", ylabel="loss (solid: validation, dashed: training)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=8, ncols=1 + len(histories) // 8)
    return save(figure, axes, path, title)


def confusion(y_true, y_pred, classes, path, title):
    """Confusion matrix of integer labels (n,): row shares in colour, counts in the cells."""
    counts = confusion_matrix(y_true, y_pred, labels=np.arange(len(classes)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.6 + 0.52 * len(classes)
    figure, axes = new_figure(size + 0.8, size)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        style = {"ha": "center", "va": "center", "fontsize": 7}
        style["color"] = "white" if shares[row, column] > 0.55 else "black"
        axes.text(column, row, f"{counts[row, column]:,}", **style)
    names = [f"{name} ({total:,})" for name, total in zip(classes, counts.sum(axis=1), strict=True)]
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), names)
    axes.set(xlabel="predicted", ylabel="true (rows)")
    figure.colorbar(image, ax=axes, label="share of the true class", fraction=0.046, pad=0.03)
    return save(figure, axes, path, title, grid=False)


def coverage(confidence, correct, path, title, target=0.99):
    """Accuracy of the surest rows against their share; `confidence`, `correct`: (n,)."""
    right = np.asarray(correct, float)[np.argsort(-np.asarray(confidence), kind="stable")]
    rows = np.arange(1, len(right) + 1)
    accuracy = np.cumsum(right) / rows
    figure, axes = new_figure(6.4, 4.4)
    axes.plot(100 * rows / len(right), 100 * accuracy, color="#0072B2")
    axes.axhline(100 * target, color="0.35", linewidth=1, linestyle="--")
    axes.set(xlabel="share labelled automatically, the surest first (%)", ylabel="accuracy (%)")
    axes.set_xlim(0, 100)
    # The first few rows alone would fill the picture with their ups and downs.
    lowest = accuracy[len(accuracy) // 20 :].min()
    axes.set_ylim(max(0, 100 * lowest - 1), 100.3)
    return save(figure, axes, path, title)


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


def new_figure(width, height, **subplots):
    """A `Figure` of so many inches and its axes; `subplots` as matplotlib takes them."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(**subplots)


def plain(axes, grid=True):
    """Takes the upper and right border away and lays a faint grid below the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(True, color="0.92")


def save(figure, axes, path, title, grid=True):
    """Writes the figure with a title over its axes, one or a tuple of them."""
    for part in axes if isinstance(axes, tuple) else (axes,):
        plain(part, grid)
    (figure.suptitle if isinstance(axes, tuple) else axes.set_title)(title, fontsize=12)
    return write(figure, path)


def write(figure, path):
    with atomic(Path(path)) as part:
        figure.savefig(part, format="png", dpi=DPI, metadata={"Software": None})
    return Path(path)


def thin(rows):
    """At most `MAX_POINTS` of the row numbers, drawn at random, in their order."""
    if len(rows) <= MAX_POINTS:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, MAX_POINTS, replace=False))


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
