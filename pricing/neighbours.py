"""Exact nearest-neighbour search among the products that the price model has learned from.

Lies in ``<data-dir>/models/pricing/``: their embeddings, keys, titles, brands, prices, categories
and pictures. Test products are not among them.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

from common.artifacts import atomic, require, write_json

NEIGHBOURS = 5
COLUMNS = ("product_key", "title", "brand", "price_usd", "normalized_category", "image_path")
_BLOCK = 1024  # rows whose similarities are in memory at once
_MAKER = "python -m pricing.calibrate"


@dataclass
class NeighbourIndex:
    """Products and their embeddings, row by row.

    image, text: float32 (n_products, d), rows L2-normalised. columns: ``COLUMNS`` as lists.
    """

    image: np.ndarray
    text: np.ndarray
    columns: dict[str, list]

    @classmethod
    def build(cls, table, image: np.ndarray, text: np.ndarray) -> "NeighbourIndex":
        """``table``: a frame of the products, in the order of their embeddings."""
        columns = {name: table[name].tolist() for name in COLUMNS}
        return cls(np.asarray(image, np.float32), np.asarray(text, np.float32), columns)

    def similarity(self, image: np.ndarray, text: np.ndarray) -> np.ndarray:
        """Cosine similarity of listings to all products, float32 (n_listings, n_products).

        image, text: embeddings (n_listings, d), a row of NaN where the listing has none; the mean
        of both where it has both.
        """
        parts = sum((~np.isnan(part[:, :1])).astype(np.float32) for part in (image, text))
        total = np.nan_to_num(image) @ self.image.T + np.nan_to_num(text) @ self.text.T
        return total / np.maximum(parts, 1)

    def nearest(self, similarity: np.ndarray, category: str, brand: str = "") -> list[int]:
        """Rows of the ``NEIGHBOURS`` products of a category by one row of :meth:`similarity`, those
        of the brand first.

        Of several products with one title and price the nearest counts. A category of too few
        products is not held to.
        """
        rows = np.flatnonzero(np.array(self.columns["normalized_category"]) == category)
        if len(rows) < NEIGHBOURS:
            rows = np.arange(len(similarity))
        distinct = {}
        other = np.array(self.columns["brand"], dtype=object)[rows] != brand
        for row in rows[np.lexsort((-similarity[rows], other))]:
            distinct.setdefault((self.columns["title"][row], self.columns["price_usd"][row]), row)
            if len(distinct) == NEIGHBOURS:
                break
        return [int(row) for row in distinct.values()]

    def save(self, path: Path) -> None:
        """Writes ``path`` (safetensors, float16) and a JSON of the columns beside it."""
        arrays = {"image": self.image.astype(np.float16), "text": self.text.astype(np.float16)}
        with atomic(path) as temporary:
            temporary.write_bytes(save(arrays))
        write_json(self.columns, path.with_suffix(".json"))

    @classmethod
    def load(cls, path: Path) -> "NeighbourIndex":
        """Reads what :meth:`save` wrote. Raises StageError when it is missing."""
        arrays = load_file(require(path, _MAKER))
        columns = json.loads(require(path.with_suffix(".json"), _MAKER).read_text("utf-8"))
        return cls(arrays["image"].astype(np.float32), arrays["text"].astype(np.float32), columns)


def mean_similarity(
    queries: np.ndarray,
    products: np.ndarray,
    query_groups: np.ndarray | None = None,
    product_groups: np.ndarray | None = None,
) -> np.ndarray:
    """Mean cosine similarity of each query (n, d) to its ``NEIGHBOURS`` nearest products (m, d).

    query_groups (n,), product_groups (m,): products of the query's own group do not count.
    """
    means = np.empty(len(queries), np.float32)
    for start in range(0, len(queries), _BLOCK):
        block = slice(start, start + _BLOCK)
        similarity = queries[block] @ products.T
        if query_groups is not None:
            similarity[query_groups[block, None] == product_groups[None, :]] = -1
        nearest = -np.partition(-similarity, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
        means[block] = nearest.mean(axis=1)
    return means
