"""Figures of every stage: arrays in, one PNG out.

Each function draws on its own `Figure` (no pyplot, no global state, no display), writes
atomically and returns the path it wrote. Prices are USD; `source` holds HNM or FASHION per row.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import confusion_matrix

from common.artifacts import atomic

DPI = 130
SOURCE_STYLE = {  # Okabe-Ito colours: told apart with any colour vision; shapes for print
    "HNM": ("#0072B2", "o", "H&M"),
    "FASHION": ("#D55E00", "^", "Fashion Product Images"),
}
MAX_POINTS = 4000  # scatter points a source: more only make the PNG heavy


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
