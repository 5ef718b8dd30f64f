"""The classification protocol: three experiments x three tasks x seeds, scored in one way.

A stage brings learners; here they are trained on what each experiment allows, scored on its test
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
class Problem:
    """What a learner may see: rows (integer indices into the table), labels, the seed.

    `targets` maps a task to (y of every row, class names); learn from `y[train]`, tune on
    `y[validation]`, answer for `test`.
    """

    experiment: str
    seed: int
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    targets: dict[str, tuple[np.ndarray, list[str]]]


@dataclass(frozen=True)
class Answer:
    """One model's answer to one task: probabilities (n_test, n_classes), or classes (n_test,).

    `named` holds class indices, -1 where the model names none; the most probable if omitted.
    `validation`: probabilities of the validation rows, from which follows how sure is sure enough.
    """

    model: str
    task: str
    fit_seconds: float
    proba: np.ndarray | None = None
    named: np.ndarray | None = None
    validation: np.ndarray | None = None

    @property
    def classes(self) -> np.ndarray:
        return self.proba.argmax(axis=1) if self.named is None else np.asarray(self.named)


@dataclass(frozen=True)
class Learner:
    """`fit(problem)` yields an `Answer` for each of `models` and each task of the problem.

    With `joint` one fit answers all the tasks, else it is called once per task (with one entry
    in `problem.targets`). `figures` says whether to draw its confusion matrices.
    """

    models: tuple[str, ...]
    fit: Callable[[Problem], Iterable[Answer]]
    joint: bool = False
    figures: bool = True


def run_tasks(
    args,
    data,
    results: Results,
    learners: Iterable[Learner],
    device="cpu",
    by_class: Results | None = None,
    experiments: Iterable[str] = EXPERIMENTS,
) -> None:
    """Fit and score every learner in the study's three experiments, for every seed.

    Rows that `results` already holds (its key must be `KEY`) are not computed again. Usage is
    scored twice: on all test rows, and as `usage_native` on those whose source states it.
    `by_class` (key: `CLASSES_KEY`): where the scores per class of the mixed experiment go, of the
    learners that have figures.
    """
    learners = [Learner((MAJORITY,), majority, figures=False), *learners]
    native = data.table["usage_is_native"].to_numpy()
    for experiment in experiments:
        rows = sides(data.table, experiment)
        runs = (
            (learner, seed, tasks)
            for learner in learners
            for seed in args.seed
            for tasks in ([tuple(TASKS)] if learner.joint else [(task,) for task in TASKS])
        )
        for learner, seed, tasks in runs:
            said = {
                "experiment": experiment,
                "split": args.split,
                "text": data.text_setting,
                "seed": seed,
            }
            scored = _scored(tasks, native[rows[2]])
            if all(
                results.done(model=model, task=task, **said)
                for model in learner.models
                for task in scored
            ):
                continue
            targets = {task: labels(data.table, task) for task in tasks}
            problem = Problem(experiment, seed, *rows, targets)
            for answer in learner.fit(problem):
                _add(results, said, problem, answer, native, device)
                wanted = learner.figures and answer.model == learner.models[0]
                if by_class is not None and wanted and experiment == "mixed":
                    _add_classes(by_class, said, problem, answer, native)
                if learner.figures and experiment == "mixed" and seed == args.seed[0]:
                    _draw(args, problem, answer)


def majority(problem: Problem) -> Iterator[Answer]:
    """Always the commonest training class, with the training shares as probabilities."""
    for task, (y, classes) in problem.targets.items():
        started = time.perf_counter()
        shares = np.bincount(y[problem.train], minlength=len(classes)) / len(problem.train)
        proba = np.tile(shares, (len(problem.test), 1))
        yield Answer(MAJORITY, task, time.perf_counter() - started, proba)


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


def _scored(tasks, native) -> list[str]:
    return [*tasks, *(["usage_native"] if "usage" in tasks and native.any() else [])]


def _add(results, said, problem, answer, native, device):
    from common import metrics  # scikit-learn: not before there is something to score

    y = problem.targets[answer.task][0]
    for task, test, validation in _subsets(problem, answer, native):
        proba = None if answer.proba is None else answer.proba[test]
        sure = {}
        if answer.validation is not None:
            seen = y[problem.validation][validation], answer.validation[validation]
            sure = metrics.automatic(*seen, y[problem.test][test], proba)
        results.add(
            experiment=said["experiment"],
            task=task,
            model=answer.model,
            split=said["split"],
            text=said["text"],
            seed=said["seed"],
            n_train=len(problem.train),
            n_test=len(test),
            **metrics.classification(y[problem.test][test], answer.classes[test], proba),
            **sure,
            fit_seconds=round(answer.fit_seconds, 3),
            device=str(device),
        )


def _add_classes(by_class, said, problem, answer, native):
    from common import metrics

    y, classes = problem.targets[answer.task]
    for task, test, _ in _subsets(problem, answer, native):
        learnt = y[problem.train]
        if task == "usage_native":
            learnt = learnt[native[problem.train]]
        counts = np.bincount(learnt, minlength=len(classes))
        scores = metrics.by_class(y[problem.test][test], answer.classes[test], len(classes))
        for name, count, one in zip(classes, counts, scores, strict=True):
            if one["support"]:
                row = {**said, "task": task, "model": answer.model, "class": name}
                by_class.add(**row, n_train=int(count), n_test=len(test), **one)


def _subsets(problem, answer, native):
    """Yields (task, positions in the test rows, positions in the validation rows) to score."""
    every = [np.arange(len(rows)) for rows in (problem.test, problem.validation)]
    yield answer.task, *every
    if answer.task == "usage" and native[problem.test].any():
        stated = [np.flatnonzero(native[rows]) for rows in (problem.test, problem.validation)]
        yield "usage_native", *stated


def _draw(args, problem, answer):
    from common import figures

    y, classes = problem.targets[answer.task]
    where = f"{answer.model}: {answer.task} of {len(problem.test):,} test products"
    figures.confusion(
        y[problem.test],
        answer.classes,
        classes,
        args.paths.figure(file_name(args, "confusion", answer.model, answer.task)),
        where,
    )
    if answer.validation is not None:
        correct = answer.proba.argmax(axis=1) == y[problem.test]
        path = args.paths.figure(file_name(args, "coverage", answer.model, answer.task))
        figures.coverage(answer.proba.max(axis=1), correct, path, where)
