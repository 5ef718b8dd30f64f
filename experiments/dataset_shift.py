"""What shifts between the two sources: photographs, wording, label shares, embeddings.

Every measure is a number per source, and where it makes sense one between the two.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from common.dataset import TASKS, Dataset
from common.product_table import listing_text

SOURCES = ("HNM", "FASHION")
PICTURES = 500  # of a source, drawn
SIDE = 96  # pixels that a picture is reduced to before its background is looked at
EDGE = 0.04  # of a side, at the border: what is taken for background
DISTINCT = 0.08  # of the grey scale 0 to 1: what differs more from the background is product


def measure(data: Dataset, raw: Path, seed: int = 0) -> Iterator[dict]:
    """Yields a row per measure: `shift`, its `unit`, one value per source, `between`.

    Parameters: raw: the folder that the table's picture paths start from; seed: of which pictures
    are looked at.
    """
    own = {one: np.flatnonzero(data.table["dataset_source"] == one) for one in SOURCES}
    for name, values in _pictures(data.table, own, raw, seed).items():
        yield _row(*name, values)
    yield from _texts(data.table, own)
    for task, (column, _) in TASKS.items():
        shares = [
            data.table[column].iloc[rows].value_counts(normalize=True) for rows in own.values()
        ]
        largest = {one: each.iloc[0] for one, each in zip(SOURCES, shares, strict=True)}
        distance = shares[0].sub(shares[1], fill_value=0).abs().sum() / 2
        yield _row(f"largest {task} (between: total variation)", "share", largest, distance)
    for name, rows in (("picture", data.image), ("text", data.text)):
        yield _embeddings(name, rows, own, seed)


def _row(shift: str, unit: str, values: dict, between: float | None = None) -> dict:
    return {"shift": shift, "unit": unit, **values, "between": between}


def _pictures(table: pd.DataFrame, own: dict, raw: Path, seed: int) -> dict:
    """{(measure, unit): {source: median}}"""
    found: dict = {}
    for source, rows in own.items():
        drawn = np.random.default_rng(seed).permutation(rows)[:PICTURES]
        facts = [picture_facts(raw / path) for path in table["image_path"].iloc[drawn]]
        facts = [one for one in facts if one]
        for name in facts[0] if facts else ():
            median = float(np.median([one[name] for one in facts]))
            found.setdefault(name, {})[source] = median
    return found


def picture_facts(path: Path) -> dict[tuple[str, str], float] | None:
    """{(measure, unit): value} of one picture; None where it cannot be read.

    The background is the border. The product fills the box around all that differs from it.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            image.draft("L", (SIDE, SIDE))
            grey = np.asarray(image.convert("L").resize((SIDE, SIDE)), np.float32) / 255
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    edge = round(EDGE * SIDE)
    inner = np.zeros(grey.shape, dtype=bool)
    inner[edge:-edge, edge:-edge] = True
    border = grey[~inner]
    differs = np.abs(grey - np.median(border)) > DISTINCT
    rows, columns = (np.flatnonzero(differs.any(axis=axis)) for axis in (1, 0))
    box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1) if len(rows) else 0
    return {
        ("background brightness", "0 black, 1 white"): float(np.median(border)),
        ("background unevenness", "deviation of brightness"): float(border.std()),
        ("frame filled by the product", "share"): float(box / grey.size),
        ("resolution", "megapixels"): width * height / 1e6,
        ("aspect", "width / height"): width / height,
    }


def _texts(table: pd.DataFrame, own: dict) -> Iterator[dict]:
    texts = pd.Series(listing_text(table)).str.lower().str.findall(r"\b[a-z]{2,}\b")
    counts = {
        one: Counter(word for text in texts.iloc[rows] for word in text)
        for one, rows in own.items()
    }
    length = {one: float(texts.iloc[rows].str.len().mean()) for one, rows in own.items()}
    yield _row("words in a text", "mean", length)
    known = [set(each) for each in counts.values()]
    shared = known[0] & known[1]
    common = {
        one: sum(each[word] for word in shared) / max(1, each.total())
        for one, each in counts.items()
    }
    overlap = len(shared) / max(1, len(known[0] | known[1]))
    yield _row("words that the other source uses too (between: Jaccard)", "share", common, overlap)
    named = {"men", "mens", "women", "womens", "boy", "boys", "girl", "girls", "kids", "unisex"}
    says = {
        one: float(texts.iloc[rows].map(lambda text: bool(named & set(text))).mean())
        for one, rows in own.items()
    }
    yield _row("texts that name a gender", "share", says)


def _embeddings(name: str, rows: np.ndarray, own: dict, seed: int) -> dict:
    """Distance of the means: of random halves within a source, and of the sources."""
    rng, within, means = np.random.default_rng(seed), {}, []
    for source, chosen in own.items():
        embedded = np.asarray(rows[chosen], np.float32)
        half = rng.permutation(len(embedded))
        halves = np.array_split(embedded[half], 2)
        within[source] = float(np.linalg.norm(halves[0].mean(axis=0) - halves[1].mean(axis=0)))
        means.append(embedded.mean(axis=0))
    between = float(np.linalg.norm(means[0] - means[1]))
    shift = f"{name} embedding: distance of means (within: of random halves)"
    return _row(shift, "of length 1", within, between)
