"""The classification protocol: three experiments x three tasks x seeds, scored in one way.

A stage brings estimators; here they are trained on what each experiment allows, scored on its test
side, and written to the resumable results table, with the majority class as the baseline.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from common import figures, metrics
from common.artifacts import RunConfig, fingerprint
from common.dataset import EXPERIMENTS, TASKS, Dataset, labels, sides
from common.results import Results, leaderboard
from common.runtime import Progress

KEY = ("experiment", "task", "model", "split", "text", "seed")
CLASSES_KEY = (*KEY, "class")
MAJORITY = "Majority"


@dataclass(frozen=True)
class Split:
    """What an estimator may see: rows (integer indices into the table), labels, the seed.

    `targets` maps a task to (y of every row, class names); learn from `y[train]`, tune on
    `y[validation]`, predict for `test`.
    """

    experiment: str
    seed: int
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    targets: dict[str, tuple[np.ndarray, list[str]]]

    @classmethod
    def of(cls, table: pd.DataFrame, experiment: str, seed: int) -> "Split":
        targets = {task: labels(table, task) for task in TASKS}
        return cls(experiment, seed, *sides(table, experiment), targets)

    @property
    def classes(self) -> dict[str, int]:
        """{task: number of classes}"""
        return {task: len(names) for task, (_, names) in self.targets.items()}


@dataclass(frozen=True)
class Prediction:
    """A model's prediction of a task: probabilities (n_test, n_classes), or classes (n_test,).

    `y_pred` holds class indices, -1 where the model names none; the most probable if omitted.
    `validation_proba`: of the validation rows, from which follows how sure is sure enough.
    """

    model: str
    task: str
    fit_seconds: float
    proba: np.ndarray | None = None
    y_pred: np.ndarray | None = None
    validation_proba: np.ndarray | None = None

    @property
    def classes(self) -> np.ndarray:
        return self.proba.argmax(axis=1) if self.y_pred is None else np.asarray(self.y_pred)


@dataclass(frozen=True)
class Estimator:
    """`fit(split)` yields a `Prediction` for each of `models` and each task of the split.

    Without `figures` nothing is drawn of it, nor scored class by class.
    """

    models: tuple[str, ...]
    fit: Callable[[Split], Iterable[Prediction]]
    figures: bool = True


def run_tasks(
    run: RunConfig,
    data: Dataset,
    results: Results,
    estimators: Iterable[Estimator],
    device="cpu",
    by_class: Results | None = None,
    experiments: Iterable[str] = EXPERIMENTS,
) -> None:
    """Fit and score every estimator in the study's three experiments, for every seed.

    Rows that `results` already holds (its key must be `KEY`) are not computed again. Usage is
    scored twice: on all test rows, and as `usage_native` on those whose source states it.
    `by_class` (key: `CLASSES_KEY`): the scores per class of the mixed experiment, of the first
    model of estimators that have figures. Of each task the confusion matrix of the best model is
    drawn, of the first seed in the mixed experiment.
    """
    native = data.table["usage_is_native"].to_numpy()
    estimators = (Estimator((MAJORITY,), majority, figures=False), *estimators)
    jobs = list(product(experiments, estimators, run.seed))
    for experiment, estimator, seed in Progress(jobs, "classification", unit="fits"):
        split = Split.of(data.table, experiment, seed)
        subsets = dict.fromkeys(TASKS, np.ones(len(native), bool))  # rows that are scored
        if native[split.test].any():
            subsets["usage_native"] = native
        base = {"split": run.split, "text": data.text_setting, "seed": seed}
        keys = [
            {"experiment": experiment, "task": name, "model": model, **base}
            for model, name in product(estimator.models, subsets)
        ]
        if all(results.done(**key) for key in keys):
            continue
        mixed = estimator.figures and experiment == "mixed"
        for prediction in estimator.fit(split):
            for name in (prediction.task, f"{prediction.task}_native"):
                key = {"experiment": experiment, "task": name, "model": prediction.model, **base}
                if key not in keys:
                    continue
                scores = _scores(split, prediction, subsets[name])
                results.add(**key, **scores, device=str(device))
                if by_class is not None and mixed and prediction.model == estimator.models[0]:
                    for row in _class_scores(split, prediction, subsets[name]):
                        by_class.add(**key, **row)
                if mixed and name == prediction.task and seed == run.seed[0]:
                    _draw(run, results, key, scores["accuracy"], split, prediction)


def majority(split: Split) -> Iterator[Prediction]:
    """Always the commonest training class, with the training shares as probabilities."""
    for task, (y, classes) in split.targets.items():
        started = time.perf_counter()
        shares = np.bincount(y[split.train], minlength=len(classes)) / len(split.train)
        proba = np.tile(shares, (len(split.test), 1))
        yield Prediction(MAJORITY, task, time.perf_counter() - started, proba)


def summary(run: RunConfig, data: Dataset, results: Results) -> str:
    """The leaderboard of the mixed experiment: accuracy and macro F1 of each task."""
    frame = results.frame
    frame = frame[frame["experiment"] == "mixed"]
    frame = frame[(frame["split"] == run.split) & (frame["text"] == data.text_setting)]
    wide = frame.pivot_table(["accuracy", "f1_macro"], ["model", "seed"], "task", sort=False)
    wide.columns = [" ".join(name) for name in wide.columns]
    wide["mean"] = wide[[f"accuracy {task}" for task in TASKS]].mean(axis=1)
    columns = {}
    for task in TASKS:
        columns[f"accuracy {task}"] = (task, "{:.3f}")
        columns[f"f1_macro {task}"] = ("F1", "{:.3f}")
    columns["mean"] = ("mean accuracy", "{:.3f}")
    return leaderboard(wide.reset_index(), ["model"], columns, best="mean", baseline=MAJORITY)


def file_name(run: RunConfig, *parts: object) -> str:
    """A file name for what a run leaves: `CLIP Fusion`, `HNM->FASHION`, `seed 0` becomes
    `clip_fusion_hnm_to_fashion_seed_0`; runs on the random split never overwrite the others."""
    words = [*parts, *(["random split"] if run.split == "random" else [])]
    return re.sub(r"[^a-z0-9]+", "_", " ".join(map(str, words)).lower().replace("->", " to "))


def identity(run: RunConfig, data: Dataset) -> str:
    """Twelve characters that tell the training data apart from other data, splits, presets."""
    files = data.inputs.values()
    inputs = [fingerprint(file) if isinstance(file, Path) else file for file in files]
    text = json.dumps([inputs, run.preset, run.limit, run.split])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _scores(split: Split, prediction: Prediction, subset: np.ndarray) -> dict:
    """The row of results of a prediction, on the test rows in `subset`, a mask over the table."""
    y, test = split.targets[prediction.task][0], subset[split.test]
    true = y[split.test[test]]
    proba = None if prediction.proba is None else prediction.proba[test]
    scores = metrics.classification(true, prediction.classes[test], proba)
    if prediction.validation_proba is not None:
        validation = subset[split.validation]
        known = y[split.validation[validation]], prediction.validation_proba[validation]
        scores |= metrics.automatic(*known, true, proba)
    seconds = round(prediction.fit_seconds, 3)
    return {"n_train": len(split.train), "n_test": len(true), **scores, "fit_seconds": seconds}


def _class_scores(split: Split, prediction: Prediction, subset: np.ndarray) -> Iterator[dict]:
    (y, classes), test = split.targets[prediction.task], subset[split.test]
    train, true = split.train[subset[split.train]], y[split.test[test]]
    counts = np.bincount(y[train], minlength=len(classes))
    scores = metrics.by_class(true, prediction.classes[test], len(classes))
    for name, count, score in zip(classes, counts, scores, strict=True):
        if score["support"]:
            yield {"class": name, "n_train": count, "n_test": len(true), **score}


def _draw(run: RunConfig, results: Results, key: dict, accuracy, split, prediction) -> None:
    """The confusion matrix, if no other model in the table is as accurate or all are asked for."""
    y, classes = split.targets[prediction.task]
    y, stage, task, name = y[split.test], results.path.stem, prediction.task, prediction.model

    def path(kind, model):
        return run.paths.figure(f"{stage}/{file_name(run, kind, model, task)}")

    same = {column: str(value) for column, value in key.items() if column != "model"}
    rivals = [
        float(row["accuracy"])
        for row in results.rows
        if row["model"] not in (MAJORITY, name) and same.items() <= row.items()
    ]
    best, target = accuracy > max(rivals, default=-1.0), path("confusion", name)
    title = f"{name}: {task} of {len(y):,} test products"
    if best and not run.all_figures:
        for former in target.parent.glob(path("confusion", "MODEL").name.replace("model", "*")):
            former.unlink()
    if best or run.all_figures:
        figures.confusion(y, prediction.classes, classes, target, title)
    if run.all_figures and prediction.validation_proba is not None:
        correct = prediction.proba.argmax(axis=1) == y
        figures.coverage(prediction.proba.max(axis=1), correct, path("coverage", name), title)
