"""Train one network on all labelling tasks at once, and read its answers (see `criteria`)."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from common import metrics, runtime
from common.dataset import EXPERIMENTS, Dataset
from common.labels.protocol import (
    CLASSES_KEY,
    KEY,
    Estimator,
    Prediction,
    Split,
    file_name,
    identity,
    model_names,
    run_tasks,
)
from common.results import Results
from common.training import (
    History,
    TrainConfig,
    concatenate,
    fit,
    predict,
    read_config,
    save_model,
    tensor_batches,
    torch_device,
)

PREDICT_BATCH = 2048

# (rows, targets or None, shuffle, seed) -> batches of (inputs, targets)
Batches = Callable[[np.ndarray, dict | None, bool, int], Iterable]


@dataclass(frozen=True)
class Model:
    """A network to train and score.

    build: {task: number of classes} -> network that returns {task: logits}.
    batches: what it is trained and tested on. config: how it is trained; None where the network has
    a `fit` of its own, which learns at once.
    also: {model name: batches} on which the trained network answers again.
    resumable: keep a checkpoint per epoch, for training that takes long.
    """

    name: str
    build: Callable[[dict[str, int]], nn.Module]
    batches: Batches
    config: TrainConfig | None
    also: dict[str, Batches] = field(default_factory=dict)
    figures: bool = True
    resumable: bool = False


def array_batches(*arrays: np.ndarray, batch_size: int) -> Batches:
    """Batches of rows of arrays (n_rows, d): what the network takes, in its order."""

    def batches(rows, targets, shuffle, seed):
        inputs = tuple(torch.from_numpy(np.asarray(array[rows], np.float32)) for array in arrays)
        return tensor_batches(
            inputs, targets, batch_size if shuffle else PREDICT_BATCH, shuffle, seed
        )

    return batches


def run_models(args, stage: str, data: Dataset, models: list[Model], settings: dict) -> None:
    """Train and score `models` by the protocol of `classification.run_tasks`.

    `settings`: what the rows of the stage's table follow from, beside the data and the preset.
    """
    results = Results(args.paths.results(stage), args, data.inputs, KEY, settings)
    estimators = [
        Estimator(
            models=tuple(
                name
                for one in (model.name, *model.also)
                for name in model_names(one, args.criterion)
            ),
            fit=_learn(args, data, model),
            joint=True,
            figures=model.figures,
        )
        for model in models
    ]
    by_class = Results(
        args.paths.results(f"{stage}_classes"), args, data.inputs, CLASSES_KEY, settings
    )
    run_tasks(args, data, results, estimators, torch_device(args.device), by_class)
    for model in models:
        if model.figures and model.config:
            _draw_learning_curves(args, model)
    results.finish()


def _learn(args, data, model):
    def learn(split: Split) -> Iterator[Prediction]:
        runtime.seed_everything(split.seed)
        classes = {task: len(names) for task, (_, names) in split.targets.items()}
        network = model.build(classes)
        seconds, temperature = _fit_and_keep(args, data, split, model, network)
        for name, batches in {model.name: model.batches, **model.also}.items():
            logits = predict(
                network, batches(split.test, None, False, split.seed), torch_device(args.device)
            )
            seen = {}
            if temperature:
                seen = predict(
                    network,
                    batches(split.validation, None, False, split.seed),
                    torch_device(args.device),
                )
            for task, z in logits.items():
                yield from _read(name, task, z, seconds, temperature.get(task), seen.get(task))

    return learn


def train(
    args, split: Split, model: Model, network: nn.Module, checkpoint: Path | None = None
) -> tuple[History, Iterable]:
    """Train `network` of `model` in place; returns its history and the validation batches."""
    learnt_from, validation = (
        model.batches(
            rows,
            {task: torch.from_numpy(y[rows]) for task, (y, _) in split.targets.items()},
            shuffle,
            split.seed,
        )
        for rows, shuffle in (
            (split.train, model.config is not None),
            (split.validation, False),
        )
    )
    if model.config is None:
        return _at_once(network, learnt_from, split.seed), validation
    history = fit(
        network,
        learnt_from,
        validation,
        loss(args.criterion),
        model.config,
        torch_device(args.device),
        progress=f"{model.name} {split.experiment} seed {split.seed}",
        checkpoint=checkpoint,
    )
    return history, validation


def _at_once(network, batches, seed) -> History:
    started = time.perf_counter()
    inputs, targets = zip(*batches, strict=True)
    inputs = tuple(map(torch.cat, zip(*inputs, strict=True)))
    network.fit(inputs, concatenate(targets), seed)
    return History(best=0.0, seconds=time.perf_counter() - started)


def _fit_and_keep(args, data, split, model, network):
    """Train, keep the network under `data/models/`; returns seconds and {task: temperature}.

    Without temperatures under the study's criterion, which has no probabilities.
    """
    path = _model_path(args, model, split.experiment, split.seed)
    checkpoint = _checkpoint(args, data, path) if model.resumable else None
    history, validation = train(args, split, model, network, checkpoint)
    temperature = {}
    if args.criterion == "cross-entropy":
        for task, z in predict(network, validation, torch_device(args.device)).items():
            y = split.targets[task][0][split.validation]
            temperature[task] = metrics.fit_temperature(z, y)
    said = {
        "network": type(network).__name__,
        "arguments": network.arguments,
        "classes": {task: classes for task, (_, classes) in split.targets.items()},
        "criterion": args.criterion,
        "temperature": temperature,
        "preset": args.preset,
        "train": asdict(model.config) if model.config else None,
        "history": asdict(history),
    }
    save_model(network, path, said)
    return history.seconds, temperature


def loss(criterion: str) -> Callable:
    """Mean over tasks of the criterion; outputs {task: logits}, targets {task: class index}."""

    def sigmoid_bce(logits, y):
        wanted = nn.functional.one_hot(y, logits.shape[1]).float()
        return nn.functional.binary_cross_entropy_with_logits(logits, wanted)

    one = {"cross-entropy": nn.functional.cross_entropy, "study": sigmoid_bce}[criterion]
    return lambda outputs, targets: torch.stack(
        [one(outputs[task], y) for task, y in targets.items()]
    ).mean()


def _read(model, task, logits, seconds, temperature, seen) -> Iterator[Prediction]:
    if temperature is not None:
        from scipy.special import softmax

        proba, validation = (softmax(each / temperature, axis=1) for each in (logits, seen))
        yield Prediction(model, task, seconds, proba, validation_proba=validation)
        return
    exact, argmax = model_names(model, "study")
    yield Prediction(exact, task, seconds, y_pred=exact_match(logits))
    yield Prediction(argmax, task, seconds, y_pred=logits.argmax(axis=1))


def exact_match(logits: np.ndarray) -> np.ndarray:
    """The study's reading: the class whose sigmoid passes 0.5; -1 unless it is exactly one."""
    passed = logits > 0
    return np.where(passed.sum(axis=1) == 1, passed.argmax(axis=1), -1)


def _draw_learning_curves(args, model):
    from common import figures

    name = model_names(model.name, args.criterion)[0]
    histories = {
        experiment: read_config(_model_path(args, model, experiment, args.seed[0]))["history"]
        for experiment in EXPERIMENTS
    }
    path = args.paths.figure(file_name(args, "learning", name))
    figures.learning_curves(histories, path, f"{name}: loss per epoch")


def _model_path(args, model, experiment, seed) -> Path:
    name = model_names(model.name, args.criterion)[0]
    return args.paths.model(file_name(args, name, experiment, f"seed {seed}") + ".safetensors")


def _checkpoint(args, data, path) -> Path:
    """Named after what it is trained on, so that another data set never resumes from it."""
    checkpoint = path.with_name(f".{path.stem}.{identity(args, data)}.checkpoint.safetensors")
    if args.force:
        checkpoint.unlink(missing_ok=True)
    return checkpoint
