"""The products that a listing is compared with, and what else is remembered of them.

Kept in ``<data-dir>/models/appraisal/``: the embeddings of the products that the price model
learned from, and their keys, titles, prices, categories and pictures' places. Test products are
not among them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.artifacts import atomic, require, write_json

MADE_BY = "python -m pricing.calibrate"
NEAREST = 5
COLUMNS = ("product_key", "title", "price_usd", "normalized_category", "image_path")


@dataclass
class Index:
    """Products and their embeddings, row by row.

    image, text: float32 (n_products, d), rows L2-normalised. columns: ``COLUMNS`` as lists.
    """

    image: np.ndarray
    text: np.ndarray
    columns: dict[str, list]

    @classmethod
    def of(cls, table, image: np.ndarray, text: np.ndarray) -> "Index":
        """``table``: a frame of the products, in the order of their embeddings."""
        columns = {name: table[name].tolist() for name in COLUMNS}
        return cls(np.asarray(image, np.float32), np.asarray(text, np.float32), columns)

    def similarity(self, image: np.ndarray, text: np.ndarray) -> np.ndarray:
        """Cosine similarity of listings to all products, float32 (n_listings, n_products).

        image, text: embeddings of the listings, a row of NaN where one is not there; of both the
        mean counts.
        """
        given = (
            (~np.isnan(image[:, :1])).astype(np.float32),
            (~np.isnan(text[:, :1])).astype(np.float32),
        )
        total = np.nan_to_num(image) @ self.image.T + np.nan_to_num(text) @ self.text.T
        return total / np.maximum(given[0] + given[1], 1)

    def nearest(self, similarity: np.ndarray, category: str) -> list[int]:
        """The ``NEAREST`` products of a category by one row of :meth:`similarity`.

        Two products of one name and price say the same: the first of them is taken.
        """
        same = np.flatnonzero(np.array(self.columns["normalized_category"]) == category)
        rows = same if len(same) >= NEAREST else np.arange(len(similarity))
        found, said = [], set()
        for row in rows[np.argsort(-similarity[rows], kind="stable")]:
            told = self.columns["title"][row], self.columns["price_usd"][row]
            if told not in said:
                said.add(told)
                found.append(int(row))
            if len(found) == NEAREST:
                break
        return found

    def save(self, path: Path) -> None:
        """Writes ``path`` (safetensors, float16) and a JSON of the columns beside it."""
        from safetensors.numpy import save

        arrays = {"image": self.image.astype(np.float16), "text": self.text.astype(np.float16)}
        with atomic(path) as part:
            part.write_bytes(save(arrays))
        write_json(self.columns, path.with_suffix(".json"))

    @classmethod
    def load(cls, path: Path) -> "Index":
        """Reads what :meth:`save` wrote. Raises StageError when it is missing."""
        from safetensors.numpy import load_file

        arrays = load_file(require(path, MADE_BY))
        columns = json.loads(require(path.with_suffix(".json"), MADE_BY).read_text("utf-8"))
        return cls(arrays["image"].astype(np.float32), arrays["text"].astype(np.float32), columns)


def mean_of_nearest(found: np.ndarray, own: np.ndarray, skip: Sequence | None = None) -> np.ndarray:
    """Mean cosine similarity to the ``NEAREST`` rows of ``own`` (n, d), for rows of ``found``.

    ``skip``: pairs of arrays of groups (of found, of own); rows of one group do not count.
    """
    made = np.empty(len(found), np.float32)
    for start in range(0, len(found), 1024):
        rows = slice(start, start + 1024)
        close = found[rows] @ own.T
        if skip is not None:
            close[skip[0][rows, None] == skip[1][None, :]] = -1
        made[rows] = -np.partition(-close, NEAREST - 1, axis=1)[:, :NEAREST].mean(axis=1)
    return made
