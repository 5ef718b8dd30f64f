"""The table and its embeddings as a stage wants them: aligned rows, labels, sides of the split."""

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from common.artifacts import RunConfig, StageError, manifest, require, require_made_from
from common.embed import embeddings
from common.merge import splits, taxonomy
from common.presets import embed_command
from common.product_table import read_table

log = logging.getLogger(__name__)

# The study's three experiments: train on one source and test on the other, or mix both.
EXPERIMENTS = ("HNM->FASHION", "FASHION->HNM", "mixed")
TASKS = {
    "category": ("normalized_category", taxonomy.CATEGORIES),
    "gender": ("normalized_gender", taxonomy.GENDERS),
    "usage": ("normalized_usage", taxonomy.USAGES),
}


@dataclass
class Dataset:
    """Products and their embeddings (n_rows, d), L2-normalised, in the order of ``table``.

    table: RangeIndex, columns as in ``data/README.md``. text_setting: ``clean``, or ``study``
    when the descriptions carry the study's leaky fields. inputs: what results are keyed by.
    """

    table: pd.DataFrame
    image: np.ndarray
    text: np.ndarray
    text_setting: str
    inputs: dict[str, str | Path] = field(default_factory=dict)


def load(run: RunConfig, embed_anew: bool = False, market: str = "retail") -> Dataset:
    """Loads the table's rows of a market and their embeddings (made first, if need be or ``anew``).

    Rows whose image could not be decoded are left out and counted; a listing may have none (NaN).
    ``--limit`` takes that many rows at random; ``--split random`` replaces the grouped split by the
    study's. ``market=""`` loads every row. Raises StageError where the market has no row.
    """
    command = "python Use_LLM_for_preprocess.py"
    path = require(run.paths.llm, command)
    if run.paths.merged.exists():
        require_made_from(path, {"merged": run.paths.merged}, command)
    table = read_table(path)
    if market and market not in set(table["market"]):
        others = ", ".join(sorted(set(table["market"])))
        raise StageError(
            f"{path} has no {market} products, only {others}; give {command} their data"
        )
    if run.split == "random":
        # Before the embeddings are made: what is fitted for them sees training rows only.
        retail = table["market"] == "retail"
        table.loc[retail, "split"] = splits.random_split(table[retail], seed=0)
    image_path, text_path = embeddings.ensure(run, table, embed_anew)
    image, text = (np.load(path, mmap_mode="r") for path in (image_path, text_path))
    if not len(table) == len(image) == len(text):
        raise StageError(
            f"{path} has {len(table)} rows, {image_path} {len(image)} and {text_path} {len(text)}; "
            f"make them anew with: {embed_command(run.paths)} --force"
        )
    chosen = (table["market"] == market) | (market == "")
    broken = chosen & np.isnan(image[:, 0]) & (table.get("image_path", "unknown") != "")
    if broken.any():
        log.info("%d products set aside: their image cannot be decoded", broken.sum())
    rows = np.flatnonzero(chosen & ~broken)
    if run.limit and run.limit < len(rows):
        rows = np.sort(np.random.default_rng(0).choice(rows, run.limit, replace=False))
    if len(rows) < len(table):
        table = table.iloc[rows].reset_index(drop=True)
        image, text = image[rows], text[rows]
    # How the embeddings were made, rather than their files: one results table holds the rows of
    # both splits, for which the embedded CLIP is aligned apart.
    inputs = {"table": path, "embeddings": json.dumps(manifest(image_path)["settings"])}
    return Dataset(table, image, text, manifest(path).get("text", "clean"), inputs)


def sides(table: pd.DataFrame, experiment: str = "mixed") -> tuple[np.ndarray, ...]:
    """Row numbers of the training, validation and test side of an experiment.

    Across sources test rows are of the second source, from its test side, so that all experiments
    are scored on the same products.
    """
    first, other = ("", "") if experiment == "mixed" else experiment.split("->")
    rows = []
    for side, source in zip(splits.SPLITS, (first, first, other), strict=True):
        chosen = (table["split"] == side) & ((table["dataset_source"] == source) | (source == ""))
        rows.append(np.flatnonzero(chosen))
        if not chosen.any():
            name = "training" if side == "train" else side
            raise StageError(f"experiment {experiment} has no {name} rows; use more data")
    return tuple(rows)


def labels(table: pd.DataFrame, task: str) -> tuple[np.ndarray, list[str]]:
    """The labels of a task as integers, and the classes they index in the taxonomy's order."""
    column, classes = TASKS[task]
    codes = pd.Index(classes).get_indexer(table[column]).astype(np.int64)  # -1 where unknown
    if (codes < 0).any():
        unknown = sorted(set(table[column][codes < 0]))
        raise StageError(f"{column} holds labels that the taxonomy does not know: {unknown}")
    return codes, list(classes)
