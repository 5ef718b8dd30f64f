"""Figures of clusters, with the products' pictures: a map, and a sheet of what is in each cluster.

As in common/figures.py: arrays in, one PNG out, its path returned.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from PIL import Image, ImageOps, UnidentifiedImageError

from common.figures import _figure, _save, _thin

THUMBNAIL = 44  # pixels, of a picture on the map
CELL = (72, 96)  # pixels, width and height, of a picture on the sheet
GAP = 4
PICTURES = 10  # of a cluster


def cluster_map(xy, assigned, image_files, path, title, names=None) -> Path:
    """2-D map (n, 2) of products coloured by cluster (n,), with product thumbnails on it.

    `image_files` holds a path or None per row; a picture that cannot be read stays a dot.
    `names` maps a cluster to what the legend calls it.
    """
    xy, assigned = np.asarray(xy, float), np.asarray(assigned)
    figure, axes = _figure(10.0, 8.6)
    clusters = np.unique(assigned)
    colours = [colormaps["tab20"](index % 20) for index in range(len(clusters))]
    for colour, cluster in zip(colours, clusters, strict=True):
        own = assigned == cluster
        label = str(cluster) if names is None else f"{cluster}: {names[cluster]}"
        points = xy[_thin(np.flatnonzero(own))]
        axes.scatter(*points.T, s=9, color=colour, alpha=0.5, linewidths=0)
        axes.scatter([], [], s=40, color=colour, label=f"{label} ({own.sum():,})")
    colour_of = dict(zip(clusters.tolist(), colours, strict=True))
    for row, thumbnail in _thumbnails(xy, image_files):
        edge = {"edgecolor": colour_of[assigned[row]], "linewidth": 1.6, "boxstyle": "square,pad=0"}
        axes.add_artist(
            AnnotationBbox(OffsetImage(thumbnail, zoom=0.72), xy[row], pad=0, bboxprops=edge)
        )
    axes.set(xlabel="first map axis (no unit)", ylabel="second map axis (no unit)")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.margins(0.05)
    axes.legend(title="cluster (products)", fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return _save(figure, axes, path, title, grid=False)


def contact_sheet(clusters: dict[str, Iterable[Path]], path, title) -> Path:
    """A row of pictures per cluster: `{label: picture files, the most telling first}`.

    The first `PICTURES` that can be read are shown.
    """
    width, height = (side + GAP for side in CELL)
    sheet = Image.new("RGB", (PICTURES * width, len(clusters) * height), "white")
    for row, files in enumerate(clusters.values()):
        for column, picture in enumerate(_readable(files, PICTURES)):
            cell = ImageOps.pad(picture, CELL, color="white")
            sheet.paste(cell, (column * width, row * height))
    figure, axes = _figure(11.0, 1.0 + 0.9 * len(clusters))
    axes.imshow(sheet)
    axes.set_xticks([])
    axes.set_yticks(height * (np.arange(len(clusters)) + 0.5), list(clusters), fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return _save(figure, axes, path, title, grid=False)


def _readable(files: Iterable[Path], most: int) -> Iterator[Image.Image]:
    found = 0
    for file in files:
        picture = _opened(file, CELL)
        if picture is not None:
            yield picture
            found += 1
        if found == most:
            return


def _opened(file: Path | None, size: tuple[int, int]) -> Image.Image | None:
    """The picture, no larger than `size`, in RGB; None where it cannot be read."""
    if not file:
        return None
    try:
        with Image.open(file) as image:
            image.thumbnail(size)
            return image.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return None


def _thumbnails(xy, image_files, cells=(19, 14)):
    """Yield (row, RGB array) of readable pictures that stay a cell's width or height apart."""
    step = np.maximum(np.ptp(xy, axis=0), np.finfo(float).tiny) / cells
    taken = np.empty((0, 2))
    for row in np.random.default_rng(0).permutation(len(xy)):
        crowded = (np.abs(taken - xy[row]) < step).all(axis=1).any()
        picture = None if crowded else _opened(image_files[row], (THUMBNAIL, THUMBNAIL))
        if picture is not None:
            taken = np.vstack([taken, xy[row]])
            yield row, np.asarray(picture)
