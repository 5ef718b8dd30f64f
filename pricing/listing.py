"""From what a seller says to what the price model sees.

A listing from the door has no source, section or appearance, and often no brand; what is not known
is NaN, which the price model was trained with. The text is read by the rules of stage 1, brands
are spelt as the catalogue spells them, and category, gender and usage are what CLIP Kernel Fusion
says.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from attributes import rules, vocabulary
from common import training
from common.dataset import TASKS
from common.embed.hashed_words import WIDTH, hashed
from common.labels.networks import KernelFusion

HOUSE_BRANDS = {"H&M": "HNM"}  # a brand that tells the catalogue; all others are of the other one
_WORD = re.compile(r"[^\W\d_]{3,}")
LONGEST_NAME = 4  # words of a brand


class Reader:
    """Reads a text; ``spelling`` as of :func:`attributes.rules.spellings`, ``words``: those
    known."""

    def __init__(self, spelling: Mapping[str, str], words: Iterable[str]):
        self.spelling, self.words = dict(spelling), frozenset(words)
        self._gazetteer = rules.gazetteer(set(self.spelling.values()))

    def read(self, text: str) -> dict[str, str]:
        """Attributes by name (brand, material, care, style, item, other), empty where unsaid.

        The first line, or the first sentence, counts as the title.
        """
        title, _, description = text.partition("\n" if "\n" in text else ". ")
        found = rules.read(title, description, self._gazetteer)
        found["brand"] = self._brand(title) or self.spell(found["brand"])
        return found

    def spell(self, brand: str) -> str:
        """A brand as the catalogue spells it; as it is where the catalogue has none such."""
        return self.spelling.get(rules.name_key(brand), brand)

    def knows(self, brand: str) -> bool:
        return rules.name_key(brand) in self.spelling

    def unknown_words(self, text: str) -> float:
        """The share of the words that no training text has; 1 for a text without words."""
        words = _words(text)
        if not words:
            return 1.0
        return sum(word not in self.words for word in words) / len(words)

    def _brand(self, title: str) -> str:
        # "Levi's 501": a name of the catalogue whatever its punctuation, at the beginning.
        words = title.split()
        for count in range(min(LONGEST_NAME, len(words)), 0, -1):
            name = rules.name_key("".join(words[:count]))
            if len(name) > 2 and name in self.spelling:
                return self.spelling[name]
        return ""


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def known_words(texts: Iterable[str]) -> list[str]:
    """The words of the texts, and those of the trade (:mod:`attributes.vocabulary`)."""
    return sorted({word for text in (*texts, *vocabulary.TRADE_WORDS) for word in _words(text)})


class Labeller:
    """CLIP Kernel Fusion as stage 3d kept it, with its temperatures."""

    def __init__(self, path: Path, device):
        config = training.read_config(path)
        self.classes = config["classes"]
        self._temperature = config["temperature"]
        self._network = training.load_state(KernelFusion(**config["arguments"]), path)
        self._device = device

    def __call__(
        self, image: np.ndarray, text: np.ndarray, said: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """Probabilities (n, n_classes) by task; a row of NaN is a part that is not there.

        said: the texts; of those whose embedding is NaN no word is seen.
        """
        import torch

        parts = image, text, hashed(said, WIDTH)
        inputs = tuple(torch.from_numpy(np.asarray(part, np.float32)) for part in parts)
        batches = training.TensorBatches(inputs, None, 2048, False, 0)
        logits = training.predict(self._network, batches, self._device)
        found = {}
        for task, scores in logits.items():
            scaled = scores / self._temperature.get(task, 1.0)
            odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
            found[task] = odds / odds.sum(axis=1, keepdims=True)
        return found


# Which columns of the product table a piece of a listing fills, as the answer names it.
PIECES = {
    "brand": ("brand", "llm_brand", "normal_brand", "dataset_source"),
    "category": ("normalized_category",),
    "gender": ("normalized_gender",),
    "usage": ("normalized_usage",),
    "material": ("llm_material", "normal_fabric", "normal_fibres"),
    "style": ("llm_style",),
    "item": ("llm_main_item", "normal_item", "product_type"),
    "colour": ("colour",),
}


def columns(
    reader: Reader,
    read: Sequence[Mapping[str, str]],
    labels: Mapping[str, Sequence[str]],
    known: Sequence[Mapping[str, str]],
) -> pd.DataFrame:
    """The columns that the price model sees, NaN where nothing is known: one row a listing.

    read: of :meth:`Reader.read`. labels: class names by task. known: what the seller states, by
    column of the product table; it stands above what was read.
    """
    rows = []
    for number, (said, stated) in enumerate(zip(read, known, strict=True)):
        row = {column: labels[task][number] for task, (column, _) in TASKS.items()}
        row |= {f"llm_{name}": said[name] for name in ("brand", "material", "style")}
        row["llm_main_item"] = said["item"]
        row |= {"brand": said["brand"], **stated}
        row["brand"] = brand = reader.spell(row["brand"])
        if reader.knows(brand):
            row["dataset_source"] = HOUSE_BRANDS.get(brand, "FASHION")
        rows.append({column: value for column, value in row.items() if value})
    return pd.DataFrame(rows, dtype=object)
