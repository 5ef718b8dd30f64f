"""Features of the price models: embeddings, words and one-hot columns of the product table.

Two sets of features, so that a comparison with the study compares models only:

``study``    the study's columns beside the embeddings: source, gender, category and usage.
``listing``  that and what a seller can state: LISTING_COLUMNS and the words of the text.

In the experiment "cluster + embedding" the clusters of stage 2 stand in for the study's metadata.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.artifacts import RunConfig, StageError, require
from common.dataset import Dataset, load, sides
from common.embed.hashed_words import hashed
from common.product_table import listing_text

EXPERIMENTS = {"metadata": "metadata + embedding", "cluster": "cluster + embedding"}
STUDY_COLUMNS = ("dataset_source", "normalized_gender", "normalized_category", "normalized_usage")
LLM_COLUMNS = ("llm_brand", "llm_material", "llm_style", "llm_main_item")
LISTING_COLUMNS = ("brand", "product_type", "section", "appearance", "colour", *LLM_COLUMNS)
CLUSTER_PREFIX = "cluster_"
WORDS = "words"  # stands for the words of title and description among the names of columns
N_WORDS = 1024  # places that they are hashed into
# A value seen more rarely tells a model which product it is rather than what it is worth.
MIN_COUNT = 5
BLOCK_ROWS = 65_536  # rows whose features are in memory at once


def load_products(run: RunConfig, clusters: bool) -> Dataset:
    """The data set, with the clusters of stage 2 as columns ``cluster_<method>`` if asked for.

    Raises StageError when stage 2 has not run on all of these products.
    """
    dataset = load(run)
    path, command = run.paths.clusters, "python clustering_DEC.py"
    # An input even of a run that leaves them out, so that its results can be added to.
    dataset.inputs["clusters"] = path if path.exists() else "none"
    if clusters:
        columns = pd.read_csv(require(path, command), dtype=str, index_col="product_key")
        absent = ~dataset.table["product_key"].isin(columns.index)
        if absent.any():
            raise StageError(
                f"{path} lacks {absent.sum()} of these {len(absent)} products; "
                f"make it anew with: {command} --force"
            )
        dataset.table = dataset.table.join(columns.add_prefix(CLUSTER_PREFIX), on="product_key")
    return dataset


def feature_columns(table: pd.DataFrame, experiment: str, features: str) -> list[str]:
    """What of the table a model of this experiment and feature set sees: columns, and WORDS."""
    columns = list(STUDY_COLUMNS)
    if experiment == EXPERIMENTS["cluster"]:
        columns = [name for name in table if name.startswith(CLUSTER_PREFIX)]
    return columns + ([*LISTING_COLUMNS, WORDS] if features == "listing" else [])


@dataclass(frozen=True)
class PriceFeatures:
    """One-hot encoding of categorical columns, beside embeddings of known widths and words.

    categories: column -> the values that have a place of their own; rarer and unseen ones share
    the column's last place. words: places that the words of a text are hashed into, 0 for none.
    """

    categories: dict[str, list[str]]
    image_width: int
    text_width: int
    words: int = 0

    @classmethod
    def fit(cls, dataset: Dataset, rows: np.ndarray, names: list[str]) -> "PriceFeatures":
        """Learns the values of the columns ``names`` from ``rows`` only; WORDS may be one."""
        categories = {}
        for name in names:
            if name != WORDS:
                counts = dataset.table[name].iloc[rows].value_counts()
                categories[name] = sorted(counts.index[counts >= MIN_COUNT])
        words = N_WORDS if WORDS in names else 0
        return cls(categories, dataset.image.shape[1], dataset.text.shape[1], words)

    @property
    def embeddings(self) -> dict[str, int]:
        """What comes first in :meth:`matrix` -> how many columns it takes."""
        widths = {"image": self.image_width, "text": self.text_width, WORDS: self.words}
        return {name: width for name, width in widths.items() if width}

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of :meth:`matrix` that each of :attr:`embeddings` takes."""
        return tuple(self.embeddings.values())

    @property
    def blocks(self) -> list[int]:
        """Columns of :meth:`matrix` that each embedding and each column of the table takes."""
        return [*self.widths, *(len(values) + 1 for values in self.categories.values())]

    @property
    def names(self) -> list[str]:
        """What each column of :meth:`matrix` is."""
        places = [f"{name} {n}" for name, width in self.embeddings.items() for n in range(width)]
        values = [f"{c} = {v}" for c, known in self.categories.items() for v in (*known, "other")]
        return places + values

    def matrix(self, table: pd.DataFrame, image: np.ndarray, text: np.ndarray) -> np.ndarray:
        """Image embedding, text embedding, words, one-hot columns: float32 (n_rows, len(names)).

        NaN in an embedding or a column, or a column that ``table`` lacks, is NaN in all its
        places, as are the words of a text without embedding.
        """
        if (image.shape[1], text.shape[1]) != (self.image_width, self.text_width):
            raise StageError(
                f"embeddings of widths {image.shape[1]} and {text.shape[1]} do not fit this model "
                f"({self.image_width} and {self.text_width}): use the preset it was trained with"
            )
        parts = [np.asarray(image, np.float32), np.asarray(text, np.float32)]
        if self.words:
            parts.append(np.full((len(table), self.words), np.nan, np.float32))
            has_text = ~np.isnan(parts[1][:, 0]) if "title" in table else []
            if np.any(has_text):
                parts[-1][has_text] = hashed(listing_text(table[has_text]), self.words)
        for name, values in self.categories.items():
            column = table[name] if name in table else pd.Series(np.nan, table.index)
            codes = pd.Index(values).get_indexer(column)  # -1, the last place, where rare or new
            places = np.eye(len(values) + 1, dtype=np.float32)[codes]
            places[column.isna()] = np.nan
            parts.append(places)
        return np.concatenate(parts, axis=1)


def row_blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Row numbers, BLOCK_ROWS at a time; one block that is empty where there are none."""
    for start in range(0, max(len(rows), 1), BLOCK_ROWS):
        yield rows[start : start + BLOCK_ROWS]


@dataclass(frozen=True)
class PriceTask:
    """What a price model is fitted on: products, their features, the row numbers of each side."""

    dataset: Dataset
    encoder: PriceFeatures
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    whole: np.ndarray | None  # all features; None where they may not fit into memory

    @classmethod
    def build(
        cls, dataset: Dataset, columns: list[str], rows: tuple[np.ndarray, ...] | None = None
    ) -> "PriceTask":
        """columns: see :func:`feature_columns`; rows: of the three sides (by the split).

        The encoder learns from training and validation rows.
        """
        rows, table = rows or sides(dataset.table), dataset.table
        encoder = PriceFeatures.fit(dataset, np.concatenate(rows[:2]), columns)
        fits = len(table) <= BLOCK_ROWS
        whole = encoder.matrix(table, dataset.image, dataset.text) if fits else None
        return cls(dataset, encoder, *rows, whole)

    @property
    def learn(self) -> np.ndarray:
        """Training and validation rows."""
        return np.concatenate([self.train, self.validation])

    @property
    def usd(self) -> np.ndarray:
        """Prices of all rows."""
        return self.dataset.table["price_usd"].to_numpy()

    def matrix(self, rows: np.ndarray) -> np.ndarray:
        """Features (n_rows, n_features) of the rows with these numbers."""
        if self.whole is not None:
            return self.whole[rows]
        data = self.dataset
        return self.encoder.matrix(data.table.iloc[rows], data.image[rows], data.text[rows])
