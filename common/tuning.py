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
) -> tuple[dict, float]:
    """The settings with the lowest ``objective`` over ``trials`` trials, and that value.

    Every finished trial is kept in ``path`` (Optuna's journal) under ``name``, which must tell
    apart all that makes values incomparable, such as the data; an interrupted search goes on, and
    a longer one adds to it. ``first``: settings of the first trial.
    """
    study = _study(name, path, seed)
    if first:
        study.enqueue_trial(first, skip_if_exists=True)
    done = len(_complete(study))
    if done < trials:
        study.optimize(objective, n_trials=trials - done, show_progress_bar=True)
    print(f"{name}: best of {max(done, trials)} trials {study.best_value:.5g} {study.best_params}")
    return study.best_params, study.best_value


def finished(name: str, path: Path) -> list[dict]:
    """Every finished trial of a search: its ``value``, settings, and what the objective noted."""
    return [
        {"trial": trial.number, "value": trial.value, "seconds": trial.duration.total_seconds()}
        | trial.params
        | trial.user_attrs
        for trial in _complete(_study(name, path))
    ]


def _complete(study) -> list:
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]


def _study(name: str, path: Path, seed: int = 0):
    import optuna

    path.parent.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = optuna.storages.journal.JournalFileBackend(str(path))
    return optuna.create_study(
        study_name=name,
        storage=optuna.storages.JournalStorage(journal),
        sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True),
        load_if_exists=True,
    )
