"""What both price stages share: the features of an experiment, its runs, and a result's row.

Two sets of features, kept apart so that a comparison with the study compares models only:

``study``    what the study used: source, gender, category and usage beside the embeddings.
``listing``  that and what a seller can state: brand, product type, section, appearance, colour,
             the attributes that the language model read from the description, and its words.

In the experiment "cluster + embedding" the clusters of stage 2 stand in for the study's metadata.
"""

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from common import cli
from common import dataset as data
from common.artifacts import StageError, require
from common.dataset import Dataset
from common.runtime import hardware

EXPERIMENTS = {"metadata": "metadata + embedding", "cluster": "cluster + embedding"}
ROW_KEY = ("experiment", "features", "model", "split", "seed")

STUDY_COLUMNS = ("dataset_source", "normalized_gender", "normalized_category", "normalized_usage")
LISTING_COLUMNS = (
    "brand",
    "product_type",
    "section",
    "appearance",
    "colour",
    "llm_brand",
    "llm_material",
    "llm_style",
    "llm_main_item",
)
CLUSTER_PREFIX = "cluster_"
WORDS = "words"  # stands for the words of title and description among the names of columns
N_WORDS = 1024  # places that they are hashed into

# A value seen more rarely tells a model which product it is rather than what it is worth.
RAREST = 5


def load(args: argparse.Namespace) -> Dataset:
    """The data set, with the clusters of stage 2 in its table if an experiment needs them.

    They become columns ``cluster_<method>``. Raises StageError when stage 2 has not run, or not
    on all of these products.
    """
    dataset = data.load(cli.run_config(args))
    path, command = args.paths.clusters, "python clustering_DEC.py"
    # An input of the results even of a run that leaves them out, so that it can be added to.
    dataset.inputs["clusters"] = path if path.exists() else "none"
    if "cluster" in args.experiment:
        clusters = pd.read_csv(require(path, command), dtype=str, index_col="product_key")
        clusters = clusters.add_prefix(CLUSTER_PREFIX)
        absent = ~dataset.table["product_key"].isin(clusters.index)
        if absent.any():
            raise StageError(
                f"{path} lacks {absent.sum()} of these {len(absent)} products; "
                f"make it anew with: {command} --force"
            )
        dataset.table = dataset.table.join(clusters, on="product_key")
    return dataset


def runs(args: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    """(experiment, feature set, seed) of each run that the command line asks for."""
    for experiment in args.experiment:
        for features in args.features:
            for seed in args.seed:
                yield EXPERIMENTS[experiment], features, seed


def columns(table: pd.DataFrame, experiment: str, features: str) -> list[str]:
    """What of the table a model of this experiment and feature set sees: columns, and WORDS."""
    if experiment == EXPERIMENTS["cluster"]:
        chosen = [name for name in table if name.startswith(CLUSTER_PREFIX)]
    else:
        chosen = list(STUDY_COLUMNS)
    return chosen + ([*LISTING_COLUMNS, WORDS] if features == "listing" else [])


@dataclass(frozen=True)
class PriceFeatures:
    """One-hot encoding of categorical columns, beside embeddings of known widths and words.

    categories: column -> the values that have a place of their own; whatever is rarer or was never
    seen shares the column's last place. words: places that the words of a text are hashed into
    (:mod:`common.embed.hashed_words`), 0 for none. Plain values, so that it goes into JSON as it
    is.
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
            if name == WORDS:
                continue
            counts = dataset.table[name].iloc[rows].value_counts()
            categories[name] = sorted(counts.index[counts >= RAREST])
        words = N_WORDS if WORDS in names else 0
        return cls(categories, dataset.image.shape[1], dataset.text.shape[1], words)

    @property
    def embeddings(self) -> dict[str, int]:
        """What comes first in :meth:`matrix`, and how many columns it takes."""
        widths = {"image": self.image_width, "text": self.text_width, WORDS: self.words}
        return {name: width for name, width in widths.items() if width}

    @property
    def widths(self) -> tuple[int, ...]:
        """How many columns of :meth:`matrix`, the first of them, the embeddings and words take."""
        return tuple(self.embeddings.values())

    @property
    def names(self) -> list[str]:
        """What each column of :meth:`matrix` is."""
        return [
            f"{name} {index}" for name, width in self.embeddings.items() for index in range(width)
        ] + [f"{c} = {v}" for c, known in self.categories.items() for v in [*known, "other"]]

    @property
    def blocks(self) -> list[int]:
        """How many columns of :meth:`matrix` each embedding and each column of the table takes."""
        return [*self.widths, *(len(known) + 1 for known in self.categories.values())]

    def matrix(self, table: pd.DataFrame, image: np.ndarray, text: np.ndarray) -> np.ndarray:
        """Image embedding, text embedding, words, one-hot columns: float32 (n_rows, len(names)).

        A listing need not know everything: NaN in an embedding or a column, or a column that
        ``table`` lacks, is NaN in all its places, as are the words of a text without embedding.
        """
        if (image.shape[1], text.shape[1]) != (self.image_width, self.text_width):
            raise StageError(
                f"embeddings of widths {image.shape[1]} and {text.shape[1]} do not fit this model "
                f"({self.image_width} and {self.text_width}): use the preset it was trained with"
            )
        parts = [np.asarray(image, np.float32), np.asarray(text, np.float32)]
        if self.words:
            from common.embed.hashed_words import hashed
            from common.product_table import listing_text

            parts.append(np.full((len(table), self.words), np.nan, np.float32))
            told = ~np.isnan(parts[1][:, 0]) if "title" in table else []
            if np.any(told):
                parts[-1][told] = hashed(listing_text(table[told]), self.words)
        for name, known in self.categories.items():
            values = table[name] if name in table else pd.Series(np.nan, table.index)
            codes = pd.Index(known).get_indexer(values)  # -1, the last place, where rare or new
            places = np.eye(len(known) + 1, dtype=np.float32)[codes]
            places[values.isna()] = np.nan
            parts.append(places)
        return np.concatenate(parts, axis=1)

    def as_dict(self) -> dict:
        return asdict(self)


def row(
    dataset: Dataset,
    learned: np.ndarray,
    test: np.ndarray,
    predicted: np.ndarray,
    model: str,
    seconds: tuple[float, float] = (0.0, 0.0),
    **run: object,
) -> dict:
    """One row of a results table.

    learned, test: row numbers; predicted: (len(test),) USD; seconds: of fitting and predicting;
    run: experiment, features, split, seed.
    """
    from common import metrics

    truth = dataset.table.iloc[test]
    return {
        "experiment": run["experiment"],
        "features": run["features"],
        "model": model,
        "split": run["split"],
        "text": dataset.text_setting,
        "seed": run["seed"],
        "n_train": len(learned),
        "n_test": len(test),
        **metrics.regression(truth["price_usd"], predicted, truth["dataset_source"]),
        "fit_seconds": seconds[0],
        "predict_seconds": seconds[1],
        "device": hardware(),
    }


def slug(*parts: object) -> str:
    """A file name: ``("LightGBM", "metadata + embedding")`` -> ``LightGBM_metadata-embedding``."""
    return "_".join("-".join(str(part).replace("+", " ").split()) for part in parts)
