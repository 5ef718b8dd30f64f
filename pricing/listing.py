"""Turns listings into the columns of the price model: text reading, labels, stated fields.

A listing has no source, section or appearance, and often no brand; what is not known is NaN, as it
was for a share of the cells in the price model's training. The text is read by the rules of
stage 1, brands are spelt as the catalogue spells them, and category, gender and usage are
predicted by CLIP Kernel Fusion.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax

from attributes import rules, vocabulary
from common import training
from common.dataset import TASKS
from common.embed.hashed_words import WIDTH, hashed
from common.labels.networks import KernelFusion

TEXT_ATTRIBUTES = ("brand", "material", "care", "style", "item", "other")
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
_BRAND_WORDS, _BRAND_LETTERS = 4, 3  # most words, fewest letters of a brand at a title's beginning


class TextReader:
    """Reads attributes out of a listing's text.

    spelling: as of :func:`attributes.rules.spellings`. words: those of the training texts.
    """

    def __init__(self, spelling: Mapping[str, str], words: Iterable[str]):
        self.spelling, self.words = dict(spelling), frozenset(words)
        self._gazetteer = rules.gazetteer(set(self.spelling.values()))

    def read(self, text: str) -> dict[str, str]:
        """``TEXT_ATTRIBUTES`` by name, empty where the text names none."""
        title, description = split_title(text)
        attributes = rules.read(title, description, self._gazetteer)
        attributes["brand"] = self._leading_brand(title) or self.spell(attributes["brand"])
        return attributes

    def spell(self, brand: str) -> str:
        """A brand as the catalogue spells it; unchanged where the catalogue has none such."""
        return self.spelling.get(rules.name_key(brand), brand)

    def knows(self, brand: str) -> bool:
        return rules.name_key(brand) in self.spelling

    def unknown_words(self, text: str) -> float:
        """The share of the words that no training text has; 1 for a text without words."""
        words = _words(text)
        return sum(word not in self.words for word in words) / len(words) if words else 1.0

    def _leading_brand(self, title: str) -> str:
        # "Levi's 501" begins with a name of the catalogue, whatever its punctuation.
        words = title.split()
        for count in range(min(_BRAND_WORDS, len(words)), 0, -1):
            key = rules.name_key("".join(words[:count]))
            if len(key) >= _BRAND_LETTERS and key in self.spelling:
                return self.spelling[key]
        return ""


def split_title(text: str) -> tuple[str, str]:
    """Title and description of a text: its first line, or its first sentence, is the title."""
    title, _, description = text.partition("\n" if "\n" in text else ". ")
    return title, description


def known_words(texts: Iterable[str]) -> list[str]:
    """The words of the texts, and those of the trade (:mod:`attributes.vocabulary`)."""
    return sorted({word for text in (*texts, *vocabulary.WORDS.values()) for word in _words(text)})


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


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
    attributes: Sequence[Mapping[str, str]],
    labels: Mapping[str, Sequence[str]],
    fields: Sequence[Mapping[str, str]],
) -> pd.DataFrame:
    """The columns of the price model, NaN where nothing is known: one row a listing.

    attributes: of :meth:`TextReader.read`. labels: class names by task. fields: what the seller
    states, by column of the product table; it takes precedence over what was read or predicted.
    """
    rows = []
    for number, (read, stated) in enumerate(zip(attributes, fields, strict=True)):
        row = {column: labels[task][number] for task, (column, _) in TASKS.items()}
        row |= {f"llm_{name}": read[name] for name in ("brand", "material", "style")}
        row |= {"llm_main_item": read["item"], "brand": read["brand"], **stated}
        row["brand"] = brand = reader.spell(row["brand"])
        if reader.knows(brand):
            row["dataset_source"] = HOUSE_BRANDS.get(brand, "FASHION")
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
