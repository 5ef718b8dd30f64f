"""The classification protocol: three experiments x three tasks x seeds, scored in one way.

A stage brings estimators; here they are trained on what each experiment allows, scored on its test
side, and written to the resumable results table, with the majority class as the row to beat.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.artifacts import fingerprint
from common.dataset import EXPERIMENTS, TASKS, labels, sides
from common.results import Results

KEY = ("experiment", "task", "model", "split", "text", "seed")
CLASSES_KEY = (*KEY, "class")
MAJORITY = "Majority"


@dataclass(frozen=True)
class Split:
    """What a estimator may see: rows (integer indices into the table), labels, the seed.

    `targets` maps a task to (y of every row, class names); learn from `y[train]`, tune on
    `y[validation]`, prediction for `test`.
    """

    experiment: str
    seed: int
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    targets: dict[str, tuple[np.ndarray, list[str]]]


@dataclass(frozen=True)
class Prediction:
    """One model's prediction to one task: probabilities (n_test, n_classes), or classes (n_test,).

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
    """`fit(split)` yields an `Prediction` for each of `models` and each task of the split.

    With `joint` one fit predictions all the tasks, else it is called once per task (with one entry
    in `split.targets`). `figures` says whether to draw its confusion matrices.
    """

    models: tuple[str, ...]
    fit: Callable[[Split], Iterable[Prediction]]
    joint: bool = False
    figures: bool = True


def run_tasks(
    args,
    data,
    results: Results,
    estimators: Iterable[Estimator],
    device="cpu",
    by_class: Results | None = None,
    experiments: Iterable[str] = EXPERIMENTS,
) -> None:
    """Fit and score every estimator in the study's three experiments, for every seed.

    Rows that `results` already holds (its key must be `KEY`) are not computed again. Usage is
    scored twice: on all test rows, and as `usage_native` on those whose source states it.
    `by_class` (key: `CLASSES_KEY`): where the scores per class of the mixed experiment go, of the
    estimators that have figures.
    """
    estimators = [Estimator((MAJORITY,), majority, figures=False), *estimators]
    native = data.table["usage_is_native"].to_numpy()
    for experiment in experiments:
        rows = sides(data.table, experiment)
        runs = (
            (estimator, seed, tasks)
            for estimator in estimators
            for seed in args.seed
            for tasks in ([tuple(TASKS)] if estimator.joint else [(task,) for task in TASKS])
        )
        for estimator, seed, tasks in runs:
            said = {
                "experiment": experiment,
                "split": args.split,
                "text": data.text_setting,
                "seed": seed,
            }
            scored = _scored(tasks, native[rows[2]])
            if all(
                results.done(model=model, task=task, **said)
                for model in estimator.models
                for task in scored
            ):
                continue
            targets = {task: labels(data.table, task) for task in tasks}
            split = Split(experiment, seed, *rows, targets)
            for prediction in estimator.fit(split):
                _add(results, said, split, prediction, native, device)
                wanted = estimator.figures and prediction.model == estimator.models[0]
                if by_class is not None and wanted and experiment == "mixed":
                    _add_classes(by_class, said, split, prediction, native)
                if estimator.figures and experiment == "mixed" and seed == args.seed[0]:
                    _draw(args, split, prediction)


def majority(split: Split) -> Iterator[Prediction]:
    """Always the commonest training class, with the training shares as probabilities."""
    for task, (y, classes) in split.targets.items():
        started = time.perf_counter()
        shares = np.bincount(y[split.train], minlength=len(classes)) / len(split.train)
        proba = np.tile(shares, (len(split.test), 1))
        yield Prediction(MAJORITY, task, time.perf_counter() - started, proba)


def file_name(args, *parts: object) -> str:
    """A file name for what a run leaves: `CLIP Fusion`, `HNM->FASHION`, `seed 0` becomes
    `clip_fusion_hnm_to_fashion_seed_0`; runs on the random split never overwrite the others."""
    said = [*parts, *(["random split"] if args.split == "random" else [])]
    return re.sub(r"[^a-z0-9]+", "_", " ".join(map(str, said)).lower().replace("->", " to "))


def identity(args, data) -> str:
    """Twelve characters that tell what is learned from apart from other data, splits, presets."""
    inputs = [fingerprint(one) if isinstance(one, Path) else one for one in data.inputs.values()]
    said = json.dumps([inputs, args.preset, args.limit, args.split])
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def model_names(model: str, criterion: str) -> tuple[str, ...]:
    """The names under which the predictions of `model` stand in the results table."""
    if criterion == "study":
        return f"{model} (study criterion)", f"{model} (study criterion, argmax)"
    return (model,)


def _scored(tasks, native) -> list[str]:
    return [*tasks, *(["usage_native"] if "usage" in tasks and native.any() else [])]


def _add(results, said, split, prediction, native, device):
    from common import metrics  # scikit-learn: not before there is something to score

    y = split.targets[prediction.task][0]
    for task, test, validation in _subsets(split, prediction, native):
        proba = None if prediction.proba is None else prediction.proba[test]
        sure = {}
        if prediction.validation_proba is not None:
            seen = y[split.validation][validation], prediction.validation_proba[validation]
            sure = metrics.automatic(*seen, y[split.test][test], proba)
        results.add(
            experiment=said["experiment"],
            task=task,
            model=prediction.model,
            split=said["split"],
            text=said["text"],
            seed=said["seed"],
            n_train=len(split.train),
            n_test=len(test),
            **metrics.classification(y[split.test][test], prediction.classes[test], proba),
            **sure,
            fit_seconds=round(prediction.fit_seconds, 3),
            device=str(device),
        )


def _add_classes(by_class, said, split, prediction, native):
    from common import metrics

    y, classes = split.targets[prediction.task]
    for task, test, _ in _subsets(split, prediction, native):
        learnt = y[split.train]
        if task == "usage_native":
            learnt = learnt[native[split.train]]
        counts = np.bincount(learnt, minlength=len(classes))
        scores = metrics.by_class(y[split.test][test], prediction.classes[test], len(classes))
        for name, count, one in zip(classes, counts, scores, strict=True):
            if one["support"]:
                row = {**said, "task": task, "model": prediction.model, "class": name}
                by_class.add(**row, n_train=int(count), n_test=len(test), **one)


def _subsets(split, prediction, native):
    """Yields (task, positions in the test rows, positions in the validation rows) to score."""
    every = [np.arange(len(rows)) for rows in (split.test, split.validation)]
    yield prediction.task, *every
    if prediction.task == "usage" and native[split.test].any():
        stated = [np.flatnonzero(native[rows]) for rows in (split.test, split.validation)]
        yield "usage_native", *stated


def _draw(args, split, prediction):
    from common import figures

    y, classes = split.targets[prediction.task]
    where = f"{prediction.model}: {prediction.task} of {len(split.test):,} test products"
    figures.confusion(
        y[split.test],
        prediction.classes,
        classes,
        args.paths.figure(file_name(args, "confusion", prediction.model, prediction.task)),
        where,
    )
    if prediction.validation_proba is not None:
        correct = prediction.proba.argmax(axis=1) == y[split.test]
        path = args.paths.figure(file_name(args, "coverage", prediction.model, prediction.task))
        figures.coverage(prediction.proba.max(axis=1), correct, path, where)
