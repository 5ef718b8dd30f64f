"""Turns listings into the columns of the price model: readings, labels, stated fields.

A listing has no source, section or appearance, and often no brand; what is not known is NaN, as it
was for a share of the cells in the price model's training. What the text (:mod:`pricing.reading`)
does not name of category, gender and usage is predicted by CLIP Kernel Fusion.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax

from attributes import vocabulary
from common import training
from common.dataset import TASKS
from common.embed.hashed_words import WIDTH, hashed
from common.labels.networks import KernelFusion
from pricing.reading import Reading, TextReader

# The columns of the product table that a piece of a listing fills; pieces as estimates name them.
PIECES = {
    "brand": ("brand", "llm_brand", "dataset_source"),
    "category": ("normalized_category",),
    "gender": ("normalized_gender",),
    "usage": ("normalized_usage",),
    "material": ("llm_material",),
    "style": ("llm_style",),
    "item": ("llm_main_item", "product_type"),
    "colour": ("colour",),
}
HOUSE_BRANDS = {"H&M": "HNM"}  # brands of one source alone; all others are of the other source
_WORD = re.compile(r"[^\W\d_]{3,}")


def known_words(texts: Iterable[str]) -> list[str]:
    """The words of the texts, and those of the trade (:mod:`attributes.vocabulary`)."""
    texts = (*texts, *vocabulary.WORDS.values())
    return sorted({word.casefold() for text in texts for word in _WORD.findall(text)})


class Labeller:
    """CLIP Kernel Fusion as stage 3d wrote it, with its temperatures."""

    def __init__(self, path: Path, device: torch.device):
        config = training.read_config(path)
        self.classes = config["classes"]
        self._temperature = config["temperature"]
        self._network = training.load_state(KernelFusion(**config["arguments"]), path)
        self._device = device

    def __call__(
        self, image: np.ndarray, text: np.ndarray, texts: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """Probabilities (n, n_classes) by task.

        image, text: embeddings (n, d), a row of NaN for a part that is missing; the words of
        ``texts`` count only where the text has an embedding.
        """
        inputs = tuple(
            torch.from_numpy(np.asarray(part, np.float32))
            for part in (image, text, hashed(texts, WIDTH))
        )
        batches = training.TensorBatches(inputs, None, 2048, False, 0)
        logits = training.predict(self._network, batches, self._device)
        return {
            task: softmax(values / self._temperature.get(task, 1.0), axis=1)
            for task, values in logits.items()
        }


def columns(
    reader: TextReader,
    readings: Sequence[Reading],
    labels: Mapping[str, Sequence[str]],
    fields: Sequence[Mapping[str, str]],
) -> pd.DataFrame:
    """The columns of the price model, NaN where nothing is known: one row a listing.

    labels: predicted class names by task. fields: what the seller states, by column of the product
    table. What is stated takes precedence over what was read, and that over what was predicted; a
    brand that no product of the training data has is not known.
    """
    rows = []
    for number, (reading, stated) in enumerate(zip(readings, fields, strict=True)):
        read, category, gender = reading.values, reading.category, reading.gender
        row = {column: labels[task][number] for task, (column, _) in TASKS.items()}
        row |= {"normalized_category": category or row["normalized_category"]}
        row |= {"normalized_gender": gender or row["normalized_gender"]}
        row |= {f"llm_{name}": read[name] for name in ("brand", "material", "style")}
        row |= {"llm_main_item": read["item"], "brand": read["brand"], **stated}
        for name in ("llm_brand", "brand"):
            row[name] = reader.spell(row[name]) if reader.knows(row[name]) else ""
        if row["brand"]:
            row["dataset_source"] = HOUSE_BRANDS.get(row["brand"], "FASHION")
        rows.append({column: value for column, value in row.items() if value})
    return pd.DataFrame(rows, dtype=object)


def by_modality(image: np.ndarray, text: np.ndarray) -> dict[str, np.ndarray]:
    """Rows of listings (embeddings (n, d), NaN for missing) by what they bring."""
    photo, words = ~np.isnan(image[:, 0]), ~np.isnan(text[:, 0])
    return {
        "photo and text": np.flatnonzero(photo & words),
        "photo": np.flatnonzero(photo & ~words),
        "text": np.flatnonzero(~photo & words),
    }
