"""Train one network on all labelling tasks at once, and read its predictions.

Under the criterion `cross-entropy` by argmax, with probabilities at a fitted temperature; under the
`study`'s binary cross-entropy of one sigmoid per class, by exact match at 0.5 and by argmax.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.special import softmax
from torch import nn

from common import figures, metrics, training
from common.artifacts import RunConfig
from common.dataset import EXPERIMENTS, Dataset
from common.labels import protocol
from common.labels.protocol import Estimator, Prediction, Split
from common.results import Results
from common.training import History, TensorBatches, TrainConfig, torch_device

PREDICT_BATCH = 2048

# (rows, targets or None, shuffle, seed) -> batches of (inputs, targets)
Batches = Callable[[np.ndarray, dict | None, bool, int], Iterable]


@dataclass(frozen=True)
class Model:
    """A network to train and score.

    build: {task: number of classes} -> network that returns {task: logits}. config: None where the
    network has a `fit` of its own. also: {model name: batches} to predict again for. criterion:
    cross-entropy, or the study's. resumable: keep a checkpoint per epoch.
    """

    name: str
    build: Callable[[dict[str, int]], nn.Module]
    batches: Batches
    config: TrainConfig | None
    also: dict[str, Batches] = field(default_factory=dict)
    criterion: str = "cross-entropy"
    figures: bool = True
    resumable: bool = False

    def row_names(self, name: str = "") -> tuple[str, ...]:
        """The models of its predictions in the results, or of those of `name`, one of `also`."""
        name = name or self.name
        if self.criterion == "study":
            return f"{name} (study criterion)", f"{name} (study criterion, argmax)"
        return (name,)

    def path(self, run: RunConfig, experiment: str, seed: int) -> Path:
        """Where the network of a run is kept."""
        name = protocol.file_name(run, self.row_names()[0], experiment, f"seed {seed}")
        return run.paths.model(f"{name}.safetensors")


def array_batches(*arrays: np.ndarray, batch_size: int) -> Batches:
    """Batches of rows of arrays (n_rows, d): what the network takes, in its order."""

    def batches(rows, targets, shuffle, seed):
        inputs = tuple(torch.from_numpy(np.asarray(array[rows], np.float32)) for array in arrays)
        size = batch_size if shuffle else PREDICT_BATCH
        return TensorBatches(inputs, targets, size, shuffle, seed)

    return batches


def run_models(
    run: RunConfig, stage: str, data: Dataset, models: list[Model], settings: dict
) -> None:
    """Train and score `models` by the protocol, and end the stage.

    Args:
        models: the stage's main model first, whose learning curves are drawn.
        settings: what the rows of the stage's table follow from, beside the data and the preset.
    """
    results, by_class = (
        Results(run.paths.results(name), run, data.inputs, key, settings)
        for name, key in ((stage, protocol.KEY), (f"{stage}_classes", protocol.CLASSES_KEY))
    )
    estimators = [
        Estimator(
            tuple(row for name in (model.name, *model.also) for row in model.row_names(name)),
            partial(_fit_and_predict, run, data, model),
            model.figures,
        )
        for model in models
    ]
    protocol.run_tasks(run, data, results, estimators, torch_device(run.device), by_class)
    for model in models if run.all_figures else models[:1]:
        if model.figures and model.config:
            name, seed = model.row_names()[0], run.seed[0]
            histories = {
                experiment: training.read_config(model.path(run, experiment, seed))["history"]
                for experiment in EXPERIMENTS
            }
            path = run.paths.figure(f"{stage}/{protocol.file_name(run, 'learning', name)}")
            figures.learning_curves(histories, path, f"{name}: loss per epoch")
    results.finish(protocol.summary(run, data, results))


def train(
    model: Model, split: Split, device: torch.device, checkpoint: Path | None = None
) -> tuple[nn.Module, History, dict[str, float]]:
    """Builds and trains a network; returns it, the history and {task: temperature}.

    Temperatures are fitted on validation rows; the study's criterion has no probabilities.
    """
    training.seed_everything(split.seed)
    network = model.build(split.classes)
    learning, validation = (
        model.batches(rows, _targets(split, rows), shuffle, split.seed)
        for rows, shuffle in ((split.train, model.config is not None), (split.validation, False))
    )
    if model.config is None:
        started = time.perf_counter()
        inputs = zip(*(inputs for inputs, _ in learning), strict=True)
        network.fit(tuple(map(torch.cat, inputs)), _targets(split, split.train), split.seed)
        history = History(best=0.0, seconds=time.perf_counter() - started)
    else:
        history = training.fit(
            *(network, learning, validation, loss(model.criterion), model.config, device),
            progress=f"{model.name} {split.experiment} seed {split.seed}",
            checkpoint=checkpoint,
        )
    temperature = {}
    if model.criterion == "cross-entropy":
        for task, z in training.predict(network, validation, device).items():
            y = split.targets[task][0][split.validation]
            temperature[task] = metrics.fit_temperature(z, y)
    return network, history, temperature


def _targets(split: Split, rows: np.ndarray) -> dict[str, torch.Tensor]:
    return {task: torch.from_numpy(y[rows]) for task, (y, _) in split.targets.items()}


def train_and_save(
    run: RunConfig, data: Dataset, model: Model, split: Split
) -> tuple[nn.Module, float, dict[str, float]]:
    """Trains and keeps a network under `data/models/`; returns it, seconds, {task: temperature}."""
    path, checkpoint = model.path(run, split.experiment, split.seed), None
    if model.resumable:
        # Named after what it is trained on, so that another data set never resumes from it.
        trained_on = protocol.identity(run, data)
        checkpoint = path.with_name(f".{path.stem}.{trained_on}.checkpoint.safetensors")
        if run.force:
            checkpoint.unlink(missing_ok=True)
    network, history, temperature = train(model, split, torch_device(run.device), checkpoint)
    description = {
        "network": type(network).__name__,
        "arguments": network.arguments,
        "classes": {task: classes for task, (_, classes) in split.targets.items()},
        "criterion": model.criterion,
        "temperature": temperature,
        "preset": run.preset,
        "train": asdict(model.config) if model.config else None,
        "history": asdict(history),
    }
    training.save_model(network, path, description)
    return network, history.seconds, temperature


def _fit_and_predict(
    run: RunConfig, data: Dataset, model: Model, split: Split
) -> Iterator[Prediction]:
    network, seconds, temperature = train_and_save(run, data, model, split)
    device = torch_device(run.device)
    for name, batches in {model.name: model.batches, **model.also}.items():
        logits, validation = (
            training.predict(network, batches(rows, None, False, split.seed), device)
            for rows in (split.test, split.validation)
        )
        for task, z in logits.items():
            if model.criterion == "study":
                exact, argmax = model.row_names(name)
                yield Prediction(exact, task, seconds, y_pred=exact_match(z))
                yield Prediction(argmax, task, seconds, y_pred=z.argmax(axis=1))
            else:
                parts = (z, validation[task])
                scaled = (softmax(part / temperature[task], axis=1) for part in parts)
                proba, validation_proba = scaled
                yield Prediction(name, task, seconds, proba, validation_proba=validation_proba)


def loss(criterion: str) -> Callable:
    """Mean over tasks of the criterion; outputs {task: logits}, targets {task: class index}."""

    def sigmoid_bce(logits, y):
        one_hot = nn.functional.one_hot(y, logits.shape[1]).float()
        return nn.functional.binary_cross_entropy_with_logits(logits, one_hot)

    of_task = {"cross-entropy": nn.functional.cross_entropy, "study": sigmoid_bce}[criterion]
    return lambda outputs, targets: torch.stack(
        [of_task(outputs[task], y) for task, y in targets.items()]
    ).mean()


def exact_match(logits: np.ndarray) -> np.ndarray:
    """The study's reading: the class whose sigmoid passes 0.5; -1 unless it is exactly one."""
    passed = logits > 0
    return np.where(passed.sum(axis=1) == 1, passed.argmax(axis=1), -1)
