"""Boosted trees for prices: LightGBM and XGBoost, with the study's settings and tuned ones.

They read embeddings raw, as principal components or random projections; the target is USD or log.
"""

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from lightgbm import LGBMRegressor, early_stopping
from sklearn.decomposition import PCA
from sklearn.random_projection import GaussianRandomProjection
from xgboost import XGBRegressor

from common import runtime, tuning
from common.artifacts import atomic, write_json
from common.prices.features import PriceFeatures, PriceTask

BINS = 63  # of a histogram; the usual 255 take three times as long on 1,500 dimensions, for nothing

LIBRARIES = ("XGBoost", "LightGBM")
# The study's 1,000 trees at a learning rate of 0.05, all else as the libraries have it.
STUDY = dict.fromkeys(LIBRARIES, {"n_estimators": 1000, "learning_rate": 0.05})
# Chosen on validation rows of the study set; what :func:`search` finds better belongs here.
_COMMON = {"n_estimators": 800, "colsample_bytree": 0.2, "subsample": 0.8, "reg_lambda": 5.0}
_XGBOOST = {"learning_rate": 0.07, "max_depth": 5, "min_child_weight": 5.0}
_LIGHTGBM = {"learning_rate": 0.05, "num_leaves": 16, "min_child_samples": 8, "subsample_freq": 1}
TUNED = {
    "XGBoost": {"reads": "pca", **_COMMON, **_XGBOOST},
    "LightGBM": {"reads": "pca", **_COMMON, **_LIGHTGBM},
}
PROJECTIONS = {"pca": PCA, "random projection": GaussianRandomProjection}
READS = ("raw", *PROJECTIONS)
COMPONENTS = 128  # per embedding, of a projection
MAX_ROUNDS, PATIENCE = 1000, 40  # of a trial; validation rows stop it


@dataclass
class Trees:
    """One library's trees over rows of :meth:`common.prices.features.PriceFeatures.matrix`.

    widths: columns of each embedding, the first of a row. settings: of the library's scikit-learn
    interface, with ``reads`` (of READS; ``raw`` if absent) and ``target`` (``usd``, or ``log``).
    """

    library: str
    settings: dict
    widths: tuple[int, ...]
    seed: int = 0
    projections: list[np.ndarray] = field(default_factory=list)
    model: object = None

    def fit(self, matrix: np.ndarray, usd: np.ndarray, validation: tuple | None = None) -> "Trees":
        """Learns; ``validation``, the matrix and USD of other rows, stops it early."""
        # What the libraries take for "all cores" is the machine's, not what we may use.
        arguments = {**self.settings, "max_bin": BINS, "n_jobs": runtime.cpu_count()}
        reads, target = arguments.pop("reads", "raw"), arguments.pop("target", "usd")
        assert reads in READS and target in ("usd", "log")
        self._project(reads, matrix)
        sides = [(matrix, usd), *([validation] if validation else [])]
        learned, *watched = (
            (self._columns(rows), np.log(prices) if target == "log" else prices)
            for rows, prices in sides
        )
        if self.library == "LightGBM":
            arguments |= {"importance_type": "gain", "force_col_wise": True, "verbose": -1}
            self.model, stop = LGBMRegressor(**arguments, random_state=self.seed), {}
            for rows, prices in watched:
                stop = {"eval_X": rows, "eval_y": prices}
                stop["callbacks"] = [early_stopping(PATIENCE, verbose=False)]
        else:
            arguments["early_stopping_rounds"] = PATIENCE if watched else None
            self.model = XGBRegressor(**arguments, random_state=self.seed)
            stop = {"eval_set": watched or None, "verbose": False}
        self.model.fit(*learned, **stop)
        return self

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """USD (n_rows,)."""
        predicted = self.model.predict(self._columns(matrix))
        return np.exp(predicted) if self.settings.get("target") == "log" else predicted

    def importances(self, encoder: PriceFeatures) -> tuple[list[str], list[float]]:
        """Names and gains: of each embedding as a whole, and of each value of the columns."""
        widths = [axes.shape[1] for axes in self.projections] or list(self.widths)
        *embeddings, columns = np.split(self.model.feature_importances_, np.cumsum(widths))
        names = [*encoder.embeddings, *encoder.names[sum(encoder.widths) :]]
        return names, [*(gains.sum() for gains in embeddings), *columns]

    def save(self, path: Path, encoder: PriceFeatures) -> None:
        """Writes the trees in their library's own text format, and what they read as JSON."""
        lightgbm = self.library == "LightGBM"
        booster = self.model.booster_ if lightgbm else self.model.get_booster()
        with atomic(path.with_suffix(".txt" if lightgbm else ".json")) as part:
            booster.save_model(part)
        facts = {"library": self.library, "settings": self.settings, "encoder": asdict(encoder)}
        facts["projections"] = [axes.tolist() for axes in self.projections]
        write_json(facts, path.with_suffix(".trees.json"))

    def _project(self, reads: str, matrix: np.ndarray) -> None:
        for block in self._blocks(matrix)[:-1] if reads != "raw" else []:
            components = min(COMPONENTS, *block.shape)
            projection = PROJECTIONS[reads](components, random_state=self.seed).fit(block)
            self.projections.append(projection.components_.T.astype(np.float32))

    def _columns(self, matrix: np.ndarray) -> np.ndarray:
        *blocks, columns = self._blocks(matrix)
        if not self.projections:
            return matrix
        # Not centred: a shift means nothing to a tree.
        pairs = zip(blocks, self.projections, strict=True)
        return np.hstack([*(block @ axes for block, axes in pairs), columns])

    def _blocks(self, matrix: np.ndarray) -> list[np.ndarray]:
        return np.split(matrix, np.cumsum(self.widths), axis=1)  # embeddings, then the columns


def search(library: str, task: PriceTask, trials: int, path: Path, name: str) -> list[dict]:
    """Looks for settings; returns every trial so far as a row.

    A trial learns from the task's training side, and is stopped and judged by its test side:
    sqrt(RMSE * MAE) in USD, near for the many and not absurd for the few. ``path``, ``name``: see
    :func:`common.tuning.search`.
    """
    (learned, usd), (held_out, true) = (
        (task.matrix(rows), task.usd[rows]) for rows in (task.train, task.test)
    )

    def objective(trial):
        trees = Trees(library, suggest(trial, library), task.encoder.widths)
        started = time.perf_counter()
        trees.fit(learned, usd, (held_out, true))
        trial.set_user_attr("fit_seconds", time.perf_counter() - started)
        error = trees.predict(held_out) - true
        mse, mae = float(np.mean(error**2)), float(np.mean(np.abs(error)))
        best = trees.model.best_iteration_ if library == "LightGBM" else trees.model.best_iteration
        trial.set_user_attr("rounds", best + (library == "XGBoost"))  # counts from 0
        trial.set_user_attr("validation_r2", float(1 - mse / true.var()))
        trial.set_user_attr("validation_mae", mae)
        return float(np.sqrt(np.sqrt(mse) * mae))

    return tuning.search(name, objective, trials, path)


def suggest(trial, library: str) -> dict:
    """Settings to try, with the library's own names."""
    trial.suggest_categorical("reads", READS)
    trial.suggest_categorical("target", ("usd", "log"))
    trial.suggest_float("learning_rate", 0.04, 0.15, log=True)
    trial.suggest_float("subsample", 0.5, 1.0)
    trial.suggest_float("reg_lambda", 0.1, 100.0, log=True)
    trial.suggest_float("colsample_bytree", 0.05, 0.4, log=True)
    if library == "LightGBM":
        trial.suggest_int("num_leaves", 6, 48, log=True)
        trial.suggest_int("min_child_samples", 4, 40, log=True)
        return {"n_estimators": MAX_ROUNDS, "subsample_freq": 1, **trial.params}
    trial.suggest_int("max_depth", 3, 6)
    trial.suggest_float("min_child_weight", 1.0, 50.0, log=True)
    return {"n_estimators": MAX_ROUNDS, **trial.params}
