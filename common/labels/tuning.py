"""Looks for settings of the classifiers on validation rows; see common/tuning.py.

A trial learns from the training rows of the mixed experiment and is judged by the log loss of the
validation rows, the mean over the three tasks, after temperature scaling, which every network gets
anyway. Not by macro-F1: the rarest usages have a handful of validation rows, so that it jumps by
points with one of them, and a search would follow that noise. What is found becomes a default of
the stage by hand, so that every result can be traced to the code.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import log_softmax

from common import metrics, runtime, tuning
from common.artifacts import StageError
from common.dataset import TASKS, Dataset, labels, sides
from common.labels.multitask import Model, train
from common.labels.protocol import Split, identity
from common.results import Results
from common.training import predict, torch_device

KEY = ("model", "trial")


def search(
    args,
    stage: str,
    data: Dataset,
    name: str,
    objective: Callable[[object, Split], float],
    first: dict,
) -> None:
    """Adds every trial of the model `name` to the stage's table of trials; resumable.

    Parameters: objective: (Optuna trial, split of all tasks) -> value, the less the better;
    first: the settings in use, which are tried first, so that others can be seen beside them.
    """
    targets = {task: labels(data.table, task) for task in TASKS}
    seed = args.seed[0]
    split = Split("mixed", seed, *sides(data.table), targets)
    study = f"{name} {args.preset} {args.limit or 'all'} {identity(args, data)}"
    path = args.paths.data / "tuning" / f"{stage}.jsonl"
    tuning.search(study, lambda trial: objective(trial, split), args.tune, path, seed, first)
    results = Results(args.paths.results(f"{stage}_tuning"), args, data.inputs, KEY)
    for one in tuning.finished(study, path):
        if not results.done(model=name, trial=one["trial"]):
            results.add(model=name, **one)
    results.finish()


def search_networks(
    args, stage: str, data: Dataset, suggest: Callable[[object], Model], name: str, first: dict
) -> None:
    """A search over networks; `suggest` makes one of an Optuna trial.

    Where a network also answers for listings that lack a part, half of the value is theirs.
    """
    if args.criterion != "cross-entropy":
        raise StageError("--tune judges probabilities: leave out --criterion study")

    def objective(trial, split):
        runtime.seed_everything(split.seed)
        model = suggest(trial)
        network = model.build({task: len(names) for task, (_, names) in split.targets.items()})
        history, _ = train(args, split, model, network)
        trial.set_user_attr("fit_seconds", history.seconds)
        trial.set_user_attr("best_epoch", history.best_epoch)

        def judged(batches):
            seen = batches(split.validation, None, False, split.seed)
            return judge(trial, split, predict(network, seen, torch_device(args.device)))

        lacking = [judged(batches) for batches in model.also.values()]
        whole = judged(model.batches)  # last: what the trial keeps is of whole listings
        return float((whole + np.mean(lacking)) / 2) if lacking else whole

    search(args, stage, data, name, objective, first)


def judge(trial, split: Split, logits: dict[str, np.ndarray]) -> float:
    """The mean over tasks of the log loss of the validation rows, in nats.

    `logits`: {task: (n_validation, n_classes)}, log probabilities up to a constant. The trial
    keeps it, and the means of accuracy and macro-F1.
    """
    losses, scores = [], []
    for task, z in logits.items():
        y = split.targets[task][0][split.validation]
        scaled = log_softmax(z / metrics.fit_temperature(z, y), axis=1)
        losses.append(-scaled[np.arange(len(y)), y].mean())
        scores.append(metrics.classification(y, z.argmax(axis=1)))
    loss = float(np.mean(losses))
    trial.set_user_attr("validation_log_loss", loss)
    for column in ("accuracy", "f1_macro"):
        mean = float(np.mean([score[column] for score in scores]))
        trial.set_user_attr(f"validation_{column}", mean)
    return loss
