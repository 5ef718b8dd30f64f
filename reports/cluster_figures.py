"""Figures of clusters with the products' pictures: a t-SNE map, and a contact sheet."""

import itertools
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from PIL import Image, ImageOps
from sklearn.manifold import TSNE

from common.artifacts import RunConfig
from common.clusters.methods import central, cluster_names
from common.figures import new_figure, save, thin

MAP_ROWS = 3000  # t-SNE takes a quarter of a minute for as many
THUMBNAIL = 44  # pixels, of a picture on the map
CELL = (72, 96)  # pixels, width and height, of a picture on the sheet
GAP = 4
PICTURES = 10  # of a cluster


def draw(run: RunConfig, stage: str, table: pd.DataFrame, space, clusters: dict) -> None:
    """A contact sheet and a map of products for each method; clusters: {method: (n,)}.

    space: (n, d), in which the map is made and products are central.
    """
    files = [run.paths.raw / path for path in table["image_path"]]
    rows = np.arange(len(space))
    if len(rows) > MAP_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MAP_ROWS, replace=False))
    tsne = TSNE(perplexity=min(30, len(rows) // 4), init="pca", random_state=0)
    xy = tsne.fit_transform(space[rows])
    for method, assigned in clusters.items():
        slug, names = re.sub(r"\W", "_", method.lower()), cluster_names(table, assigned)
        sheet = {
            f"{cluster}: {names[cluster]}\n{len(order):,} products": map(files.__getitem__, order)
            for cluster, order in central(space, assigned).items()
        }
        path = run.paths.figure(f"{stage}/contact_sheet_{slug}")
        contact_sheet(sheet, path, f"{method}: the most central products of each cluster")
        path = run.paths.figure(f"{stage}/clusters_{slug}")
        title = f"{method}: {len(rows):,} products on a t-SNE map"
        cluster_map(xy, assigned[rows], [files[row] for row in rows], path, title, names)


def cluster_map(xy, assigned, image_files, path, title, names: dict) -> Path:
    """2-D map (n, 2) of products coloured by cluster (n,), with product thumbnails on it.

    A picture that cannot be read stays a dot. `names`: {cluster: name}, in the legend's order.
    """
    xy, assigned = np.asarray(xy, float), np.asarray(assigned)
    figure, axes = new_figure(10.0, 8.6)
    colours = dict(zip(names, itertools.cycle(colormaps["tab20"].colors)))
    for cluster, colour in colours.items():
        rows = np.flatnonzero(assigned == cluster)
        label = f"{cluster}: {names[cluster]} ({len(rows):,})"
        axes.scatter(*xy[thin(rows)].T, s=9, color=colour, alpha=0.5, linewidths=0)
        axes.scatter([], [], s=40, color=colour, label=label)
    for row, thumbnail in _thumbnails(xy, image_files):
        edge = {"edgecolor": colours[assigned[row]], "linewidth": 1.6, "boxstyle": "square,pad=0"}
        picture = OffsetImage(thumbnail, zoom=0.72)
        axes.add_artist(AnnotationBbox(picture, xy[row], pad=0, bboxprops=edge))
    axes.set(xlabel="first map axis (no unit)", xticks=[])
    axes.set(ylabel="second map axis (no unit)", yticks=[])
    axes.spines[:].set_visible(False)
    axes.margins(0.05)
    axes.legend(title="cluster (products)", fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return save(figure, axes, path, title, grid=False)


def contact_sheet(clusters: dict[str, Iterable[Path]], path, title) -> Path:
    """A row of pictures per cluster, the first that can be read: `{label: picture files}`."""
    width, height = (side + GAP for side in CELL)
    sheet = Image.new("RGB", (PICTURES * width, len(clusters) * height), "white")
    for row, files in enumerate(clusters.values()):
        pictures = filter(None, (_open(file, CELL) for file in files))
        for column, picture in enumerate(itertools.islice(pictures, PICTURES)):
            cell = ImageOps.pad(picture, CELL, color="white")
            sheet.paste(cell, (column * width, row * height))
    figure, axes = new_figure(11.0, 1.0 + 0.9 * len(clusters))
    axes.imshow(sheet)
    axes.set_xticks([])
    axes.set_yticks(height * (np.arange(len(clusters)) + 0.5), list(clusters), fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return save(figure, axes, path, title, grid=False)


def _open(file: Path, size: tuple[int, int]) -> Image.Image | None:
    """The picture, no larger than `size`, in RGB; None where it cannot be read."""
    try:
        with Image.open(file) as image:
            image.thumbnail(size)
            return image.convert("RGB")
    except (OSError, Image.DecompressionBombError):  # a file that is no picture: an OSError
        return None


def _thumbnails(xy, image_files, cells=(19, 14)):
    """Yield (row, RGB array) of readable pictures that stay a cell's width or height apart."""
    step = np.maximum(np.ptp(xy, axis=0), np.finfo(float).tiny) / cells
    placed = np.empty((0, 2))
    for row in np.random.default_rng(0).permutation(len(xy)):
        crowded = (np.abs(placed - xy[row]) < step).all(axis=1).any()
        picture = None if crowded else _open(image_files[row], (THUMBNAIL, THUMBNAIL))
        if picture is not None:
            placed = np.vstack([placed, xy[row]])
            yield row, np.asarray(picture)
