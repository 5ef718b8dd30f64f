"""Stage 3a: category, gender and usage by eight classical models on image and text embeddings.

LogisticRegression, LinearSVC, KNeighbors, DecisionTree, RandomForest, AdaBoost, XGBoost and
LightGBM in the study's three experiments (HNM->FASHION, FASHION->HNM, mixed), with the majority
class as the row to beat. The linear models and the neighbours see both embeddings side by side,
standardised on the training rows (the neighbours compare angles and see them as they are). The
trees see their first 128 principal components, whitened and fitted on the training rows: on more
than a thousand raw columns the boosted ones take many times as long.

Reads   <data-dir>/dataset_with_llm.csv, img_emb.npy, wrd_emb.npy (made first where missing)
Writes  <data-dir>/results/Classification_ML.csv, figures/confusion_*.png

    python Classification_ML.py --data-dir data/sample               # sample catalogue
    python Classification_ML.py --raw-dir PATH                       # the real downloads
    python Classification_ML.py --raw-dir PATH --preset study        # with the study's CLIP
    python Classification_ML.py --raw-dir PATH --models XGBoost LightGBM --seed 0 1 2 3 4

Reproduces the classical rows of the README's classification table.
"""

import os
import time

from common import cli, presets, settled

LINEAR = ("LogisticRegression", "LinearSVC")
TREES = ("DecisionTree", "RandomForest", "AdaBoost", "XGBoost", "LightGBM")
MODELS = (*LINEAR, "KNeighbors", *TREES)
COMPONENTS = 128
NEIGHBOURS = 10
BOOSTED = {"n_estimators": 100, "learning_rate": 0.1}


def arguments():
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip")
    group = parser.add_argument_group("what to run (default: all of it)")
    group.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, metavar="MODEL")
    return cli.parse(parser)


def build(name: str, seed: int):
    """The model `name`, unfitted, with scikit-learn's interface."""
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import LinearSVC
    from sklearn.tree import DecisionTreeClassifier
    from xgboost import XGBClassifier

    # What the libraries take for "all cores" is the machine's, not what this process may use.
    cores = len(os.sched_getaffinity(0))
    boosted = {**BOOSTED, "random_state": seed, "n_jobs": cores}
    return {
        "LogisticRegression": lambda: LogisticRegression(C=0.01, max_iter=300),
        "LinearSVC": lambda: LinearSVC(C=0.001, random_state=seed),
        "KNeighbors": lambda: KNeighborsClassifier(NEIGHBOURS, metric="cosine", weights="distance"),
        "DecisionTree": lambda: DecisionTreeClassifier(min_samples_leaf=5, random_state=seed),
        "RandomForest": lambda: RandomForestClassifier(200, random_state=seed, n_jobs=cores),
        "AdaBoost": lambda: AdaBoostClassifier(
            DecisionTreeClassifier(max_depth=3), n_estimators=50, random_state=seed
        ),
        "XGBoost": lambda: XGBClassifier(**boosted, max_depth=4, tree_method="hist", max_bin=64),
        # Rare usages have next to no Hessian: at LightGBM's own 0.001 their leaves run away and
        # it falls below the majority class. 1 is what XGBoost asks for.
        "LightGBM": lambda: LGBMClassifier(
            **boosted, num_leaves=15, max_bin=63, min_child_weight=1.0, verbose=-1
        ),
    }[name]()


class Features:
    """Both embeddings side by side, as each family of models is given them."""

    def __init__(self, image, text):
        import numpy as np

        self.joined = np.concatenate([image, text], axis=1).astype(np.float32)
        self.experiment, self.fitted = None, {}

    def of(self, name: str, problem):
        """Features (n_rows, d) for the model `name`, fitted on the problem's training rows."""
        from sklearn.decomposition import PCA
        from sklearn.preprocessing import StandardScaler

        if name not in (*LINEAR, *TREES):
            return self.joined
        # The training rows depend on the experiment only; those of the last one are not needed.
        if problem.experiment != self.experiment:
            self.experiment, self.fitted = problem.experiment, {}
        kind = "linear" if name in LINEAR else "trees"
        if kind not in self.fitted:
            seen = self.joined[problem.train]
            components = min(COMPONENTS, *seen.shape)
            transform = (
                StandardScaler()
                if kind == "linear"
                else PCA(components, whiten=True, svd_solver="randomized", random_state=0)
            )
            self.fitted[kind] = transform.fit(seen).transform(self.joined)
        return self.fitted[kind]


def answer(name: str, features: Features, problem):
    """Yields the answer of the model `name` to the problem's one task."""
    import numpy as np
    from sklearn.dummy import DummyClassifier

    from common.classification import Answer

    (task, (y, classes)), matrix = next(iter(problem.targets.items())), features.of(name, problem)
    # Training may lack a class; XGBoost takes gapless labels only, so all are given them.
    present, seen = np.unique(y[problem.train], return_inverse=True)
    model = build(name, problem.seed) if len(present) > 1 else DummyClassifier()
    started = time.perf_counter()
    model.fit(matrix[problem.train], seen)
    seconds = time.perf_counter() - started
    asked = matrix[problem.test]
    if not hasattr(model, "predict_proba"):
        yield Answer(name, task, seconds, named=present[model.predict(asked)])
        return
    proba = np.zeros((len(asked), len(classes)), dtype=np.float32)
    proba[:, present] = model.predict_proba(asked)
    yield Answer(name, task, seconds, proba)


def main():
    args = arguments()
    if settled.already(args):
        return

    from functools import partial

    from common import dataset
    from common.artifacts import Results
    from common.classification import KEY, Learner, run_tasks

    data = dataset.load(args)
    features = Features(data.image, data.text)
    results = Results(args.paths.results("Classification_ML"), args, data.inputs, KEY)
    learners = [
        Learner((name,), partial(answer, name, features), figures=name == MODELS[0])
        for name in args.models
    ]
    run_tasks(args, data, results, learners)
    results.finish()


if __name__ == "__main__":
    cli.run(main)
