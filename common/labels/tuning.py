"""Search for settings of the classifiers on validation rows; see common/tuning.py.

A trial learns from the training rows of the mixed experiment and is judged by the log loss of the
validation rows after temperature scaling, the mean over tasks (the rarest usages have too few rows
for macro-F1). The best settings become a default by hand, so that results trace to the code.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import log_softmax

from common import metrics, tuning
from common.artifacts import RunConfig, StageError
from common.dataset import Dataset
from common.labels.multitask import Model, train
from common.labels.protocol import Split, identity
from common.results import Results
from common.training import predict, torch_device


def search(
    run: RunConfig,
    stage: str,
    data: Dataset,
    trials: int,
    name: str,
    objective: Callable[[object, Split], float],
    first: dict,
) -> None:
    """Adds every trial of the model `name` to the stage's table of trials; resumable.

    Args:
        objective: (Optuna trial, split of all tasks) -> value, the less the better.
        first: the settings in use, which are tried first, for comparison.
    """
    seed = run.seed[0]
    split = Split.of(data.table, "mixed", seed)
    study = f"{name} {run.preset} {run.limit or 'all'} {identity(run, data)}"
    path = run.paths.data / "tuning" / f"{stage}.jsonl"
    rows = tuning.search(study, lambda trial: objective(trial, split), trials, path, seed, first)
    results = Results(run.paths.results(f"{stage}_tuning"), run, data.inputs, ("model", "trial"))
    for trial in rows:
        if not results.done(model=name, trial=trial["trial"]):
            results.add(model=name, **trial)
    results.finish()


def network_objective(
    device_name: str, suggest: Callable[[object], Model], criterion: str
) -> Callable[[object, Split], float]:
    """An objective for `search` of what `suggest` builds; listings that lack a part are half."""
    if criterion != "cross-entropy":
        raise StageError("--tune judges probabilities: leave out --criterion study")
    device = torch_device(device_name)

    def objective(trial, split):
        model = suggest(trial)
        network, history, _ = train(model, split, device)
        trial.set_user_attr("fit_seconds", history.seconds)
        trial.set_user_attr("best_epoch", history.best_epoch)
        losses = []
        for batches in (*model.also.values(), model.batches):  # the last sets the trial's scores
            logits = predict(network, batches(split.validation, None, False, split.seed), device)
            losses.append(judge(trial, split, logits))
        return float(np.mean([losses[-1], np.mean(losses[:-1] or losses)]))

    return objective


def judge(trial, split: Split, logits: dict[str, np.ndarray]) -> float:
    """The mean over tasks of the log loss of the validation rows, in nats; the trial keeps it.

    `logits`: {task: (n_validation, n_classes)}, log probabilities up to a constant.
    """
    scores = []
    for task, z in logits.items():
        y = split.targets[task][0][split.validation]
        scaled = log_softmax(z / metrics.fit_temperature(z, y), axis=1)
        loss = -scaled[np.arange(len(y)), y].mean()
        scores.append({"log_loss": loss, **metrics.classification(y, z.argmax(axis=1))})
    means = {
        name: float(np.mean([score[name] for score in scores]))
        for name in ("log_loss", "accuracy", "f1_macro")
    }
    for name, mean in means.items():
        trial.set_user_attr(f"validation_{name}", mean)
    return means["log_loss"]
