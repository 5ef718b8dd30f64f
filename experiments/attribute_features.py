"""What the attributes read from the text add to a classifier, as categories and as text.

    python -m experiments.attribute_features --data-dir data/kaggle14k --raw-dir PATH

One linear classifier per task learns from the embeddings of picture and listing text; then also
from the attributes, as categories (``normal_*``, one-hot) and as text (the embedding of
``llm_text``). Beside these: the attributes alone, and the picture with and without them.

Reads  dataset_with_llm.csv, img_emb.npy, wrd_emb.npy
Writes results/attribute_features.csv, rows as of any classification
"""

import time
from functools import partial

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from attributes.normalize import COLUMNS
from common import cli, dataset, presets
from common.artifacts import RunConfig, StageError
from common.embed.encoders import clip_towers, project, text_features
from common.embed.models import load_clip
from common.labels.protocol import KEY, MAJORITY, Estimator, Prediction, run_tasks
from common.results import Results, leaderboard
from common.training import torch_device

STAGE = "attribute_features"
# Model -> the blocks of its inputs.
INPUTS = {
    "Linear": ("image", "text"),
    "Linear + attributes as categories": ("image", "text", "categories"),
    "Linear + attributes as text": ("image", "text", "attribute text"),
    "Linear, picture": ("image",),
    "Linear, picture + attributes as categories": ("image", "categories"),
    "Linear, picture + attributes as text": ("image", "attribute text"),
    "Linear, attributes as categories": ("categories",),
    "Linear, attributes as text": ("attribute text",),
}
STRENGTH, SCALE = 0.02, 20.0  # C of the logistic regression on embeddings of length SCALE
RAREST = 5  # training rows of a value that has a column


def categories(table: pd.DataFrame, train: np.ndarray) -> np.ndarray:
    """One-hot columns (n_rows, n_values) of training values; a full row is of length SCALE."""
    parts = []
    for column in (column for name, column in COLUMNS.items() if name != "fibres"):  # percentages
        counts = table[column].iloc[train].value_counts()
        values = sorted(value for value in counts.index[counts >= RAREST] if value)
        codes = pd.Index(values).get_indexer(table[column])
        parts.append(np.eye(len(values) + 1, dtype=np.float32)[codes][:, :-1])
    return np.hstack(parts) * np.float32(SCALE / np.sqrt(len(parts)))


def fit(name: str, blocks: dict[str, np.ndarray], split):
    """Yields the predictions of a multinomial logistic regression for the split's tasks."""
    inputs = np.hstack([blocks[part] for part in INPUTS[name]])
    for task, (y, classes) in split.targets.items():
        started = time.perf_counter()
        model = LogisticRegression(C=STRENGTH, max_iter=300, tol=1e-3)
        model.fit(inputs[split.train], y[split.train])
        seconds = time.perf_counter() - started
        proba = np.zeros((len(split.test), len(classes)), dtype=np.float32)
        proba[:, model.classes_] = model.predict_proba(inputs[split.test])
        yield Prediction(name, task, seconds, proba)


def embed_texts(run: RunConfig, texts: list[str]) -> np.ndarray:
    """Any texts, as the table's are embedded: float32 (n_texts, d), cached like those."""
    _, tower = clip_towers(load_clip(run, torch_device(run.device)))
    return project(text_features(run.paths.cache, texts, tower), tower)


def main() -> None:
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip")
    run = cli.run_config(cli.parse(parser))
    data = dataset.load(run)
    if not set(COLUMNS.values()) <= set(data.table):
        command = "python Use_LLM_for_preprocess.py"
        raise StageError(f"{run.paths.llm} has no normal values; make it anew with: {command}")
    attribute_text = embed_texts(run, list(data.table["llm_text"]))
    blocks = {"image": data.image, "text": data.text, "attribute text": attribute_text}
    blocks = {name: np.asarray(rows, np.float32) * SCALE for name, rows in blocks.items()}
    blocks["categories"] = categories(data.table, dataset.sides(data.table)[0])
    results = Results(run.paths.results(STAGE), run, data.inputs, KEY, {"given": INPUTS})
    estimators = [Estimator((name,), partial(fit, name, blocks), figures=False) for name in INPUTS]
    run_tasks(run, data, results, estimators, experiments=("mixed",))
    columns = {"accuracy": ("accuracy", "{:.3f}"), "f1_macro": ("macro F1", "{:.3f}")}
    index = ["task", "model"]
    results.finish(leaderboard(results.frame, index, columns, "accuracy", baseline=MAJORITY))


if __name__ == "__main__":
    cli.run(main)
