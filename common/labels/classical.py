"""Eight classical classifiers on image and text embeddings: features, models, search space."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from common import runtime
from common.labels import tuning
from common.labels.protocol import Prediction, Split

LINEAR = ("LogisticRegression", "LinearSVC")
COMPONENTS = 128
NEIGHBOURS = 10
SMALLEST_PROBABILITY = 1e-6  # the log loss cannot bear 0
_TREES = {
    "components": COMPONENTS,
    "n_estimators": 100,
    "learning_rate": 0.1,
    # Rare usages have next to no Hessian: at LightGBM's default, 0.001, their leaves run away and
    # it falls below the majority class. 1 is XGBoost's default.
    "min_child_weight": 1.0,
    "colsample_bytree": 1.0,
}
BOOSTED = {"XGBoost": {**_TREES, "max_depth": 4}, "LightGBM": {**_TREES, "num_leaves": 15}}


def build(name: str, seed: int, boosted: dict):
    """The model `name`, unfitted, with scikit-learn's interface; `boosted` as in `BOOSTED`."""
    # What the libraries take for "all cores" is the machine's, not what this process may use.
    common = {"random_state": seed, "n_jobs": runtime.cpu_count()}
    boosted = {key: value for key, value in boosted.items() if key != "components"} | common
    shallow = DecisionTreeClassifier(max_depth=3)
    return {
        "LogisticRegression": lambda: LogisticRegression(C=0.01, max_iter=300),
        "LinearSVC": lambda: LinearSVC(C=0.001, random_state=seed),
        "KNeighbors": lambda: KNeighborsClassifier(NEIGHBOURS, metric="cosine", weights="distance"),
        "DecisionTree": lambda: DecisionTreeClassifier(min_samples_leaf=5, random_state=seed),
        "RandomForest": lambda: RandomForestClassifier(200, **common),
        "AdaBoost": lambda: AdaBoostClassifier(shallow, n_estimators=50, random_state=seed),
        "XGBoost": lambda: XGBClassifier(**boosted, tree_method="hist", max_bin=64),
        "LightGBM": lambda: LGBMClassifier(**boosted, max_bin=63, verbose=-1),
    }[name]()


def features(
    name: str, embeddings: np.ndarray, split: Split, components: int = COMPONENTS
) -> np.ndarray:
    """Image and text embedding side by side (n_rows, d), as the model `name` is given them.

    Linear models see them standardised, neighbours, which compare angles, as they are, trees as
    whitened principal components, which takes a fraction of the time. Fitted on training rows.
    """
    if name == "KNeighbors":
        return embeddings
    rows, transform = embeddings[split.train], StandardScaler()
    if name not in LINEAR:
        components = min(components, *rows.shape)
        transform = PCA(components, whiten=True, svd_solver="randomized", random_state=0)
    return transform.fit(rows).transform(embeddings)


@dataclass(frozen=True)
class FittedModel:
    """A fitted model, the class indices of its labels, seconds."""

    model: object
    present: np.ndarray
    seconds: float

    def proba(self, rows: np.ndarray, n_classes: int) -> np.ndarray:
        """float32 (n, n_classes) of features (n, d); 0 for a class that training lacks."""
        proba = np.zeros((len(rows), n_classes), dtype=np.float32)
        proba[:, self.present] = self.model.predict_proba(rows)
        return proba


def fit(name: str, rows: np.ndarray, split: Split, task: str, boosted: dict) -> FittedModel:
    """Fits the model `name` to a task, on its features (n_rows, d); `boosted` as in `BOOSTED`."""
    # Training may lack a class, and XGBoost takes gapless labels only.
    present, y = np.unique(split.targets[task][0][split.train], return_inverse=True)
    model = build(name, split.seed, boosted) if len(present) > 1 else DummyClassifier()
    started = time.perf_counter()
    model.fit(rows[split.train], y)
    return FittedModel(model, present, time.perf_counter() - started)


def fit_and_predict(name: str, embeddings: np.ndarray, split: Split) -> Iterator[Prediction]:
    """Yields the prediction of the model `name` for each task of the split."""
    rows = features(name, embeddings, split)
    for task, n_classes in split.classes.items():
        fitted = fit(name, rows, split, task, BOOSTED.get(name, {}))
        if hasattr(fitted.model, "predict_proba"):
            scored = {"proba": fitted.proba(rows[split.test], n_classes)}
        else:
            scored = {"y_pred": fitted.present[fitted.model.predict(rows[split.test])]}
        yield Prediction(name, task, fitted.seconds, **scored)


def suggest(trial, name: str) -> dict:
    """Settings of the boosted trees `name` for an Optuna trial, as in `BOOSTED`."""
    settings = {
        "components": trial.suggest_categorical("components", (64, 128, 256)),
        "n_estimators": trial.suggest_int("n_estimators", 50, 300, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.3, log=True),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.3, 10.0, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.1, 1.0, log=True),
    }
    if name == "XGBoost":
        return settings | {"max_depth": trial.suggest_int("max_depth", 2, 6)}
    return settings | {"num_leaves": trial.suggest_int("num_leaves", 4, 31, log=True)}


def objective(embeddings: np.ndarray, name: str, trial, split: Split) -> float:
    """Validation log loss of the boosted trees `name` with the settings of an Optuna trial."""
    settings, logits, seconds = suggest(trial, name), {}, 0.0
    rows = features(name, embeddings, split, settings["components"])
    for task, n_classes in split.classes.items():
        fitted = fit(name, rows, split, task, settings)
        proba = fitted.proba(rows[split.validation], n_classes)
        logits[task] = np.log(np.maximum(proba, SMALLEST_PROBABILITY))
        seconds += fitted.seconds
    trial.set_user_attr("fit_seconds", seconds)
    return tuning.judge(trial, split, logits)
