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
    return {
        "LogisticRegression": lambda: LogisticRegression(C=0.01, max_iter=300),
        "LinearSVC": lambda: LinearSVC(C=0.001, random_state=seed),
        "KNeighbors": lambda: KNeighborsClassifier(NEIGHBOURS, metric="cosine", weights="distance"),
        "DecisionTree": lambda: DecisionTreeClassifier(min_samples_leaf=5, random_state=seed),
        "RandomForest": lambda: RandomForestClassifier(200, **common),
        "AdaBoost": lambda: AdaBoostClassifier(
            DecisionTreeClassifier(max_depth=3), n_estimators=50, random_state=seed
        ),
        "XGBoost": lambda: XGBClassifier(**boosted, tree_method="hist", max_bin=64),
        "LightGBM": lambda: LGBMClassifier(**boosted, max_bin=63, verbose=-1),
    }[name]()


class Features:
    """Both embeddings side by side, as each family of models is given them.

    The linear models see them standardised on the training rows, the neighbours, which compare
    angles, as they are, the trees their first principal components, whitened and fitted on the
    training rows: on more than a thousand raw columns boosting takes many times as long.
    """

    def __init__(self, image: np.ndarray, text: np.ndarray):
        self.joined = np.concatenate([image, text], axis=1).astype(np.float32)
        self._experiment, self._cache = None, {}

    def of(self, name: str, split: Split, components: int = COMPONENTS) -> np.ndarray:
        """Features (n_rows, d) for the model `name`, fitted on the split's training rows.

        `components`: how many principal components a tree sees.
        """
        if name == "KNeighbors":
            return self.joined
        # The training rows depend on the experiment only; those of the last one are not needed.
        if split.experiment != self._experiment:
            self._experiment, self._cache = split.experiment, {}
        kind = "linear" if name in LINEAR else components
        if kind not in self._cache:
            rows = self.joined[split.train]
            transform = StandardScaler()
            if kind != "linear":
                components = min(components, *rows.shape)
                transform = PCA(components, whiten=True, svd_solver="randomized", random_state=0)
            self._cache[kind] = transform.fit(rows).transform(self.joined)
        return self._cache[kind]


@dataclass(frozen=True)
class FittedModel:
    """A fitted model, the class indices of its labels, its features (n_rows, d), seconds."""

    model: object
    present: np.ndarray
    features: np.ndarray
    seconds: float

    def proba(self, rows: np.ndarray, n_classes: int) -> np.ndarray:
        """float32 (n, n_classes); 0 for a class that training lacks."""
        proba = np.zeros((len(rows), n_classes), dtype=np.float32)
        proba[:, self.present] = self.model.predict_proba(self.features[rows])
        return proba


def fit(name: str, features: Features, split: Split, task: str, boosted: dict) -> FittedModel:
    """Fits the model `name` to a task of the split; `boosted` as in `BOOSTED`."""
    matrix = features.of(name, split, boosted.get("components", COMPONENTS))
    # Training may lack a class, and XGBoost takes gapless labels only.
    present, y = np.unique(split.targets[task][0][split.train], return_inverse=True)
    model = build(name, split.seed, boosted) if len(present) > 1 else DummyClassifier()
    started = time.perf_counter()
    model.fit(matrix[split.train], y)
    return FittedModel(model, present, matrix, time.perf_counter() - started)


def fit_and_predict(name: str, features: Features, split: Split) -> Iterator[Prediction]:
    """Yields the prediction of the model `name` for each task of the split."""
    for task, n_classes in split.classes.items():
        fitted = fit(name, features, split, task, BOOSTED.get(name, {}))
        proba = y_pred = None
        if hasattr(fitted.model, "predict_proba"):
            proba = fitted.proba(split.test, n_classes)
        else:
            y_pred = fitted.present[fitted.model.predict(fitted.features[split.test])]
        yield Prediction(name, task, fitted.seconds, proba, y_pred)


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


def objective(features: Features, name: str, trial, split: Split) -> float:
    """Validation log loss of the boosted trees `name` with the settings of an Optuna trial."""
    settings, logits, seconds = suggest(trial, name), {}, 0.0
    for task, n_classes in split.classes.items():
        fitted = fit(name, features, split, task, settings)
        proba = fitted.proba(split.validation, n_classes)
        logits[task] = np.log(np.maximum(proba, SMALLEST_PROBABILITY))
        seconds += fitted.seconds
    trial.set_user_attr("fit_seconds", seconds)
    return tuning.judge(trial, split, logits)
