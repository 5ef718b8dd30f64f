"""Hyperparameter search on validation rows with Optuna; an interrupted search goes on.

Akiba et al., "Optuna: A next-generation hyperparameter optimization framework", KDD 2019.
"""

from collections.abc import Callable
from pathlib import Path


def search(
    name: str,
    objective: Callable[[object], float],
    trials: int,
    path: Path,
    seed: int = 0,
    first: dict | None = None,
) -> list[dict]:
    """Looks for the settings with the lowest ``objective``; returns every finished trial.

    A trial's row holds its ``value``, settings, and what the objective noted. All are kept in
    ``path`` (Optuna's journal) under ``name``, which must tell apart all that makes values
    incomparable, such as the data. ``first``: settings of the first trial.
    """
    import optuna

    path.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = optuna.storages.journal.JournalFileBackend(str(path))
    study = optuna.create_study(
        study_name=name,
        storage=optuna.storages.JournalStorage(journal),
        sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True),
        load_if_exists=True,
    )
    if first:
        study.enqueue_trial(first, skip_if_exists=True)
    complete = {"deepcopy": False, "states": [optuna.trial.TrialState.COMPLETE]}
    done = len(study.get_trials(**complete))
    if done < trials:
        study.optimize(objective, n_trials=trials - done, show_progress_bar=True)
    print(f"{name}: best of {max(done, trials)} trials {study.best_value:.5g} {study.best_params}")
    return [
        {"trial": trial.number, "value": trial.value, "seconds": trial.duration.total_seconds()}
        | trial.params
        | trial.user_attrs
        for trial in study.get_trials(**complete)
    ]
