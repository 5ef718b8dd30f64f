"""H&M descriptions labelled by hand: the truth for the catalogue that lists no attributes.

``experiments/hand_labels.csv`` has the labels by product, and a hash of the text that was read, but
not the text: it comes from the user's own ``articles.csv``. How was labelled stands in
``experiments/hand_labels.md``.
"""

import csv
import hashlib
from pathlib import Path
from typing import NamedTuple

from common.merge.sources import read_articles

PATH = Path(__file__).with_suffix(".csv")
ATTRIBUTES = ("fabric", "fit", "pattern", "sleeve", "neck", "length", "item")


class Labelled(NamedTuple):
    """labels: attribute -> the values that count as right; none where the text states none."""

    product_key: str
    title: str
    description: str
    labels: dict[str, tuple[str, ...]]


def read(folder: Path, path: Path = PATH) -> list[Labelled]:
    """The labelled products whose text is in the H&M download at ``folder``.

    A product has several articles, whose names differ: that one counts which was read.
    """
    articles = read_articles(folder)
    texts = {}
    columns = (articles[name] for name in ("product_code", "prod_name", "detail_desc"))
    for code, *told in zip(*columns, strict=True):
        title, description = (" ".join(each.split()) for each in told)
        texts[f"HNM:{code}", hashed(title, description)] = title, description
    found = []
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if text := texts.get((row["product_key"], row["text"])):
                labels = {name: tuple(filter(None, row[name].split("|"))) for name in ATTRIBUTES}
                found.append(Labelled(row["product_key"], *text, labels))
    return found


def hashed(title: str, description: str) -> str:
    return hashlib.sha256(f"{title}. {description}".encode()).hexdigest()[:12]
