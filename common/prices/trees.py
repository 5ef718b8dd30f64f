"""Boosted trees for prices: LightGBM and XGBoost, the study's settings and those tuned here.

Trees read the embeddings as they are, as principal components or as random projections (the
metadata columns always as they are), and learn USD or its logarithm. What they are given by
default was chosen on validation rows of the study set, by :func:`search`.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common import runtime

BINS = 63  # of a histogram; the usual 255 take three times as long on 1,500 dimensions, for nothing

# The study's 1,000 trees at a learning rate of 0.05, all else as the libraries have it.
STUDY = {
    "XGBoost": {"n_estimators": 1000, "learning_rate": 0.05},
    "LightGBM": {"n_estimators": 1000, "learning_rate": 0.05},
}
# Chosen on validation rows of the study set; what :func:`search` finds better belongs here (eight
# further trials a library found nothing that was).
TUNED = {
    "XGBoost": {
        "reads": "pca",
        "n_estimators": 800,
        "learning_rate": 0.07,
        "max_depth": 5,
        "min_child_weight": 5.0,
        "colsample_bytree": 0.2,
        "subsample": 0.8,
        "reg_lambda": 5.0,
    },
    "LightGBM": {
        "reads": "pca",
        "n_estimators": 800,
        "learning_rate": 0.05,
        "num_leaves": 16,
        "min_child_samples": 8,
        "colsample_bytree": 0.2,
        "subsample": 0.8,
        "subsample_freq": 1,
        "reg_lambda": 5.0,
    },
}

READS = ("raw", "pca", "random projection")
COMPONENTS = 128  # per embedding, of `pca` and `random projection`
MOST_ROUNDS, PATIENCE = 1000, 40  # of a trial; validation rows stop it


@dataclass
class Trees:
    """One library's trees over rows of :meth:`common.prices.features.PriceFeatures.matrix`.

    widths: columns of each embedding, the first of a row. settings: the
    library's own (names of its scikit-learn interface), and ``reads`` (one of READS, ``raw`` if
    absent) and ``target`` (``usd``, the default, or ``log``).
    """

    library: str
    settings: dict
    widths: tuple[int, ...]
    seed: int = 0
    projections: list[np.ndarray] = field(default_factory=list)
    model: object = None

    def fit(
        self,
        matrix: np.ndarray,
        usd: np.ndarray,
        watched: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> "Trees":
        """Learns; ``watched``, matrix and USD of validation rows, stops it early."""
        self.projections = self._projections(matrix)
        arguments = {**self.settings, "random_state": self.seed, "max_bin": BINS}
        reads, target = arguments.pop("reads", "raw"), arguments.pop("target", "usd")
        assert reads in READS and target in ("usd", "log")
        # What the libraries take for "all cores" is the machine's, not what we may use.
        arguments["n_jobs"] = runtime.cpu_count()
        sides = [(self._columns(matrix), self._scaled(usd))]
        if watched:
            sides.append((self._columns(watched[0]), self._scaled(watched[1])))
        learn = _lightgbm if self.library == "LightGBM" else _xgboost
        self.model = learn(arguments, *sides)
        return self

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """USD (n_rows,)."""
        made = self.model.predict(self._columns(matrix))
        return np.exp(made) if self.settings.get("target") == "log" else made

    @property
    def rounds(self) -> int:
        """How many trees early stopping kept."""
        if self.library == "LightGBM":
            return self.model.best_iteration_
        return self.model.best_iteration + 1

    @property
    def booster(self) -> tuple[object, str]:
        """The library's own model, and the ending of the file it saves itself to."""
        if self.library == "LightGBM":
            return self.model.booster_, ".txt"
        return self.model.get_booster(), ".json"

    @property
    def read_widths(self) -> list[int]:
        """Columns that the trees see of each embedding."""
        return [one.shape[1] for one in self.projections] or list(self.widths)

    def as_dict(self) -> dict:
        """What a saved booster needs beside it to price: plain numbers, for JSON."""
        return {
            "library": self.library,
            "settings": self.settings,
            "widths": list(self.widths),
            "projections": [one.tolist() for one in self.projections],
        }

    def _scaled(self, usd: np.ndarray) -> np.ndarray:
        return np.log(usd) if self.settings.get("target") == "log" else usd

    def _projections(self, matrix: np.ndarray) -> list[np.ndarray]:
        from sklearn.decomposition import PCA
        from sklearn.random_projection import GaussianRandomProjection

        reads = self.settings.get("reads", "raw")
        if reads == "raw":
            return []
        kind = PCA if reads == "pca" else GaussianRandomProjection
        starts = np.cumsum([0, *self.widths])
        return [
            kind(min(COMPONENTS, end - start, len(matrix)), random_state=self.seed)
            .fit(matrix[:, start:end])
            .components_.T.astype(np.float32)
            for start, end in zip(starts[:-1], starts[1:], strict=True)
        ]

    def _columns(self, matrix: np.ndarray) -> np.ndarray:
        if not self.projections:
            return matrix
        parts, start = [], 0
        for projection in self.projections:  # not centred: a shift means nothing to a tree
            parts.append(matrix[:, start : start + len(projection)] @ projection)
            start += len(projection)
        return np.hstack([*parts, matrix[:, start:]])


def search(
    library: str,
    matrix: np.ndarray,
    usd: np.ndarray,
    sides: tuple[np.ndarray, np.ndarray],
    widths: tuple[int, ...],
    trials: int,
    path: Path,
    name: str,
) -> list[dict]:
    """Looks for settings on validation rows; returns every trial so far as a row.

    A trial learns from the first of ``sides`` (row numbers), and is stopped and judged by the
    second: sqrt(RMSE * MAE) in USD, since a price must be near for the many and not absurd for
    the few. ``path``, ``name``: see :func:`common.tuning.search`.
    """
    from common import tuning

    train, validation = sides

    def objective(trial):
        trees = Trees(library, suggest(trial, library), widths)
        started = time.perf_counter()
        trees.fit(matrix[train], usd[train], (matrix[validation], usd[validation]))
        trial.set_user_attr("fit_seconds", time.perf_counter() - started)
        trial.set_user_attr("rounds", trees.rounds)
        error = trees.predict(matrix[validation]) - usd[validation]
        trial.set_user_attr("validation_r2", float(1 - np.mean(error**2) / usd[validation].var()))
        trial.set_user_attr("validation_mae", float(np.mean(np.abs(error))))
        return float(np.sqrt(np.sqrt(np.mean(error**2)) * np.mean(np.abs(error))))

    tuning.search(name, objective, trials, path)
    return tuning.finished(name, path)


def suggest(trial, library: str) -> dict:
    """Settings to try, with the library's own names."""
    common = {
        "reads": trial.suggest_categorical("reads", READS),
        "target": trial.suggest_categorical("target", ("usd", "log")),
        "n_estimators": MOST_ROUNDS,
        "learning_rate": trial.suggest_float("learning_rate", 0.04, 0.15, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 100.0, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.05, 0.4, log=True),
    }
    if library == "LightGBM":
        leaves = trial.suggest_int("num_leaves", 6, 48, log=True)
        few = trial.suggest_int("min_child_samples", 4, 40, log=True)
        return common | {"num_leaves": leaves, "min_child_samples": few, "subsample_freq": 1}
    depth = trial.suggest_int("max_depth", 3, 6)
    least = trial.suggest_float("min_child_weight", 1.0, 50.0, log=True)
    return common | {"max_depth": depth, "min_child_weight": least}


def _lightgbm(arguments: dict, learned: tuple, watched: tuple | None = None):
    from lightgbm import LGBMRegressor, early_stopping

    model = LGBMRegressor(**arguments, importance_type="gain", force_col_wise=True, verbose=-1)
    if watched is None:
        return model.fit(*learned)
    stop = early_stopping(PATIENCE, verbose=False)
    return model.fit(*learned, eval_X=watched[0], eval_y=watched[1], callbacks=[stop])


def _xgboost(arguments: dict, learned: tuple, watched: tuple | None = None):
    from xgboost import XGBRegressor

    if watched is None:
        return XGBRegressor(**arguments).fit(*learned)
    model = XGBRegressor(**arguments, early_stopping_rounds=PATIENCE)
    return model.fit(*learned, eval_set=[watched], verbose=False)


def plain_lightgbm(seed: int, **settings: object):
    """Unfitted LightGBM, untuned, for inputs that are no embeddings: words, attributes."""
    from lightgbm import LGBMRegressor

    plain = {"n_estimators": 400, "learning_rate": 0.05, "random_state": seed, "verbose": -1}
    return LGBMRegressor(n_jobs=runtime.cpu_count(), **(plain | settings))
