"""What shifts between the two sources: photographs, wording, label shares, embeddings.

Every measure is a number per source, and where it makes sense a distance `between` the two.

    python -m experiments.dataset_shift --data-dir data/kaggle14k --raw-dir PATH

Reads   dataset_with_llm.csv, img_emb.npy, wrd_emb.npy, photos
Writes  results/dataset_shift.csv
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from common import cli, dataset, presets
from common.product_table import listing_text
from common.results import Results, aligned

SOURCES = ("HNM", "FASHION")
PICTURES = 500  # of a source, drawn
SIDE = 96  # pixels that a picture is reduced to before its background is looked at
EDGE = 0.04  # of a side, at the border: what is taken for background
DISTINCT = 0.08  # of the grey scale 0 to 1: what differs more from the background is product
GENDER_WORDS = frozenset("men mens women womens boy boys girl girls kids unisex".split())


def measure(data: dataset.Dataset, raw: Path, seed: int = 0) -> Iterator[dict]:
    """Yields a row per measure: `shift`, its `unit`, one value per source, `between`.

    raw: the folder that picture paths start from; seed: of the pictures that are looked at.
    """

    def row(shift: str, unit: str, values: dict, between: float | None = None) -> dict:
        return {"shift": shift, "unit": unit, **values, "between": between}

    table = data.table
    sources = {name: np.flatnonzero(table["dataset_source"] == name) for name in SOURCES}
    medians = {}
    for source, rows in sources.items():
        sample = np.random.default_rng(seed).permutation(rows)[:PICTURES]
        measures = [picture_measures(raw / path) for path in table["image_path"].iloc[sample]]
        medians[source] = pd.DataFrame(list(filter(None, measures))).median()
    for (shift, unit), values in pd.DataFrame(medians).to_dict("index").items():
        yield row(shift, unit, values)

    texts = pd.Series(listing_text(table)).str.lower().str.findall(r"\b[a-z]{2,}\b")
    counts = {k: Counter(texts.iloc[rows].explode().dropna()) for k, rows in sources.items()}
    length = {name: counts[name].total() / max(1, len(rows)) for name, rows in sources.items()}
    yield row("words in a text", "mean", length)
    first, second = (set(words) for words in counts.values())
    both, jaccard = first & second, len(first & second) / max(1, len(first | second))
    shared = {k: sum(n[word] for word in both) / max(1, n.total()) for k, n in counts.items()}
    yield row("words that the other source uses too (between: Jaccard)", "share", shared, jaccard)
    gendered = ~texts.map(GENDER_WORDS.isdisjoint)
    shares = {name: float(gendered.iloc[rows].mean()) for name, rows in sources.items()}
    yield row("texts that name a gender", "share", shares)

    for task, (column, _) in dataset.TASKS.items():
        first, second = (
            table[column].iloc[rows].value_counts(normalize=True) for rows in sources.values()
        )
        largest = dict(zip(SOURCES, (first.iloc[0], second.iloc[0]), strict=True))
        distance = first.sub(second, fill_value=0).abs().sum() / 2
        yield row(f"largest {task} (between: total variation)", "share", largest, distance)

    for name, embeddings in (("picture", data.image), ("text", data.text)):
        rng, halves, means = np.random.default_rng(seed), {}, []
        for source, rows in sources.items():
            embedded = np.asarray(embeddings[rows], np.float32)
            first, second = np.array_split(embedded[rng.permutation(len(embedded))], 2)
            halves[source] = float(np.linalg.norm(first.mean(axis=0) - second.mean(axis=0)))
            means.append(embedded.mean(axis=0))
        shift = f"{name} embedding: distance of means (within: of random halves)"
        yield row(shift, "of length 1", halves, float(np.linalg.norm(means[0] - means[1])))


def picture_measures(path: Path) -> dict[tuple[str, str], float] | None:
    """{(measure, unit): value} of a picture; None where it cannot be read.

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
    product = np.abs(grey - np.median(border)) > DISTINCT
    rows, columns = (np.flatnonzero(product.any(axis=axis)) for axis in (1, 0))
    box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1) if len(rows) else 0
    return {
        ("background brightness", "0 black, 1 white"): float(np.median(border)),
        ("background unevenness", "deviation of brightness"): float(border.std()),
        ("frame filled by the product", "share"): float(box / grey.size),
        ("resolution", "megapixels"): width * height / 1e6,
        ("aspect", "width / height"): width / height,
    }


def main() -> None:
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip")
    run = cli.run_config(cli.parse(parser))
    data = dataset.load(run)
    results = Results(run.paths.results("dataset_shift"), run, data.inputs, ("shift", "split"))
    for row in measure(data, run.paths.raw):
        results.add(split=run.split, **row)
    rows = [[row[name] for name in ("shift", *SOURCES, "between")] for row in results.rows]
    results.finish(aligned([["shift", *SOURCES, "between"], *rows]))


if __name__ == "__main__":
    cli.run(main)
