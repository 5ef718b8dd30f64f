"""Stage 3a: category, gender and usage by eight classical models on image and text embeddings.

LogisticRegression, LinearSVC, KNeighbors, DecisionTree, RandomForest, AdaBoost, XGBoost and
LightGBM in the study's three experiments (HNM->FASHION, FASHION->HNM, mixed), with the majority
class as the row to beat. The linear models and the neighbours see both embeddings side by side,
standardised on the training rows (the neighbours compare angles and see them as they are). The
trees see their first principal components, whitened and fitted on the training rows: on more than a
thousand raw columns the boosted ones take many times as long.

    --tune N   only looks for settings of the two boosted ones, N trials each, one set for all three
               tasks, judged on validation rows (see common/labels/tuning.py). It goes on where it
               stopped; what it finds better belongs in BOOSTED.

Reads   <data-dir>/dataset_with_llm.csv, img_emb.npy, wrd_emb.npy (made first where missing)
Writes  <data-dir>/results/Classification_ML.csv, figures/confusion_*.png; with --tune
        results/Classification_ML_tuning.csv and tuning/Classification_ML.jsonl

    python Classification_ML.py --data-dir data/sample               # sample catalogue
    python Classification_ML.py --raw-dir PATH                       # the real downloads
    python Classification_ML.py --raw-dir PATH --preset study        # with the study's CLIP
    python Classification_ML.py --raw-dir PATH --models XGBoost LightGBM --seed 0 1 2 3 4
    python Classification_ML.py --raw-dir PATH --tune 30

Reproduces the classical rows of the README's classification table.
"""

import time
from functools import partial

from common import cli, presets, runtime

STAGE = "Classification_ML"
LINEAR = ("LogisticRegression", "LinearSVC")
TREES = ("DecisionTree", "RandomForest", "AdaBoost", "XGBoost", "LightGBM")
MODELS = (*LINEAR, "KNeighbors", *TREES)
COMPONENTS = 128
NEIGHBOURS = 10
LEAST = 1e-6  # of a probability, which the log loss could not bear to be 0
BOOSTED = {
    "XGBoost": {
        "components": COMPONENTS,
        "n_estimators": 100,
        "learning_rate": 0.1,
        "max_depth": 4,
        "min_child_weight": 1.0,
        "colsample_bytree": 1.0,
    },
    # Rare usages have next to no Hessian: at LightGBM's own 0.001 of min_child_weight their leaves
    # run away and it falls below the majority class. 1 is what XGBoost asks for.
    "LightGBM": {
        "components": COMPONENTS,
        "n_estimators": 100,
        "learning_rate": 0.1,
        "num_leaves": 15,
        "min_child_weight": 1.0,
        "colsample_bytree": 1.0,
    },
}


def arguments():
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip")
    group = parser.add_argument_group("what to run (default: all of it)")
    group.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, metavar="MODEL")
    cli.tuning_option(group)
    return cli.parse(parser)


def build(name: str, seed: int, boosted: dict):
    """The model `name`, unfitted, with scikit-learn's interface; `boosted` as in `BOOSTED`."""
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import LinearSVC
    from sklearn.tree import DecisionTreeClassifier
    from xgboost import XGBClassifier

    # What the libraries take for "all cores" is the machine's, not what this process may use.
    cores = runtime.cpu_count()
    boosted = {**boosted, "random_state": seed, "n_jobs": cores}
    boosted.pop("components", None)
    return {
        "LogisticRegression": lambda: LogisticRegression(C=0.01, max_iter=300),
        "LinearSVC": lambda: LinearSVC(C=0.001, random_state=seed),
        "KNeighbors": lambda: KNeighborsClassifier(NEIGHBOURS, metric="cosine", weights="distance"),
        "DecisionTree": lambda: DecisionTreeClassifier(min_samples_leaf=5, random_state=seed),
        "RandomForest": lambda: RandomForestClassifier(200, random_state=seed, n_jobs=cores),
        "AdaBoost": lambda: AdaBoostClassifier(
            DecisionTreeClassifier(max_depth=3), n_estimators=50, random_state=seed
        ),
        "XGBoost": lambda: XGBClassifier(**boosted, tree_method="hist", max_bin=64),
        "LightGBM": lambda: LGBMClassifier(**boosted, max_bin=63, verbose=-1),
    }[name]()


class Features:
    """Both embeddings side by side, as each family of models is given them."""

    def __init__(self, image, text):
        import numpy as np

        self.joined = np.concatenate([image, text], axis=1).astype(np.float32)
        self.experiment, self.fitted = None, {}

    def of(self, name: str, split, components: int = COMPONENTS):
        """Features (n_rows, d) for the model `name`, fitted on the split's training rows.

        `components`: how many of the principal components a tree sees.
        """
        from sklearn.decomposition import PCA
        from sklearn.preprocessing import StandardScaler

        if name not in (*LINEAR, *TREES):
            return self.joined
        # The training rows depend on the experiment only; those of the last one are not needed.
        if split.experiment != self.experiment:
            self.experiment, self.fitted = split.experiment, {}
        kind = "linear" if name in LINEAR else components
        if kind not in self.fitted:
            seen = self.joined[split.train]
            transform = (
                StandardScaler()
                if kind == "linear"
                else PCA(
                    min(components, *seen.shape),
                    whiten=True,
                    svd_solver="randomized",
                    random_state=0,
                )
            )
            self.fitted[kind] = transform.fit(seen).transform(self.joined)
        return self.fitted[kind]


def answer(name: str, features: Features, split):
    """Yields the answer of the model `name` to the split's one task."""
    from common.labels.protocol import Prediction

    task = next(iter(split.targets))
    model, present, matrix, seconds = fitted(name, features, split, task, BOOSTED.get(name, {}))
    asked = matrix[split.test]
    if not hasattr(model, "predict_proba"):
        yield Prediction(name, task, seconds, y_pred=present[model.predict(asked)])
        return
    yield Prediction(name, task, seconds, probabilities(model, present, asked, split, task))


def fitted(name: str, features: Features, split, task: str, boosted: dict):
    """Returns the model, the classes that its labels stand for, its features, seconds."""
    import numpy as np
    from sklearn.dummy import DummyClassifier

    y, _ = split.targets[task]
    matrix = features.of(name, split, boosted.get("components", COMPONENTS))
    # Training may lack a class; XGBoost takes gapless labels only, so all are given them.
    present, seen = np.unique(y[split.train], return_inverse=True)
    model = build(name, split.seed, boosted) if len(present) > 1 else DummyClassifier()
    started = time.perf_counter()
    model.fit(matrix[split.train], seen)
    return model, present, matrix, time.perf_counter() - started


def probabilities(model, present, asked, split, task):
    """float32 (n_asked, n_classes); 0 for a class that training lacks."""
    import numpy as np

    proba = np.zeros((len(asked), len(split.targets[task][1])), dtype=np.float32)
    proba[:, present] = model.predict_proba(asked)
    return proba


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


def tune(args, data, features: Features) -> None:
    """Every trial of both libraries as a row of a table, and the best settings on the screen."""
    import numpy as np

    from common.labels import tuning as label_tuning

    def objective(name, trial, split):
        settings, logits, seconds = suggest(trial, name), {}, 0.0
        for task in split.targets:
            model, present, matrix, took = fitted(name, features, split, task, settings)
            proba = probabilities(model, present, matrix[split.validation], split, task)
            logits[task] = np.log(np.maximum(proba, LEAST))
            seconds += took
        trial.set_user_attr("fit_seconds", seconds)
        return label_tuning.judge(trial, split, logits)

    for name, in_use in BOOSTED.items():
        label_tuning.search(args, STAGE, data, name, partial(objective, name), in_use)


def main():
    args = arguments()

    from common import dataset
    from common.labels.protocol import KEY, Estimator, run_tasks
    from common.results import Results

    data = dataset.load(cli.run_config(args))
    features = Features(data.image, data.text)
    if args.tune:
        tune(args, data, features)
        return
    results = Results(args.paths.results(STAGE), args, data.inputs, KEY, {"boosted": BOOSTED})
    estimators = [
        Estimator((name,), partial(answer, name, features), figures=name == MODELS[0])
        for name in args.models
    ]
    run_tasks(args, data, results, estimators)
    results.finish()


if __name__ == "__main__":
    cli.run(main)
