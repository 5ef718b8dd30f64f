"""H&M descriptions labelled by hand: the ground truth for a catalogue that lists no attributes.

``experiments/hand_labels.csv`` has the labels by product, and a hash of the text that was read, but
not the text: it comes from the user's own ``articles.csv``. The rule of labelling stands in
``experiments/hand_labels.md``.
"""

import csv
import hashlib
from pathlib import Path
from typing import NamedTuple

from attributes.catalogue import ListedValue
from attributes.normalize import singular
from common.merge.sources import read_articles

PATH = Path(__file__).with_suffix(".csv")
ATTRIBUTES = ("fabric", "fit", "pattern", "sleeve", "neck", "length", "item")


class LabelledText(NamedTuple):
    """A text to read, and the values that are listed of it, by attribute."""

    title: str
    description: str
    listed: dict[str, ListedValue]


def read(folder: Path) -> list[LabelledText]:
    """The labelled products whose text is in the H&M download at ``folder``.

    A product has several articles, whose names differ: the one with the labelled text counts.
    """
    articles = read_articles(folder)[["product_code", "prod_name", "detail_desc"]]
    texts = {}
    for code, *cells in articles.itertuples(index=False):
        title, description = (" ".join(cell.split()) for cell in cells)
        digest = hashlib.sha256(f"{title}. {description}".encode()).hexdigest()[:12]
        texts[f"HNM:{code}", digest] = title, description
    labelled = []
    with PATH.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            row["item"] = "|".join(map(singular, row["item"].split("|")))
            values = {name: row[name].split("|") for name in ATTRIBUTES if row[name]}
            listed = {
                name: ListedValue(first, first, tuple(also), by_hand=True)
                for name, (first, *also) in values.items()
            }
            if text := texts.get((row["product_key"], row["text"])):
                labelled.append(LabelledText(*text, listed))
    return labelled
