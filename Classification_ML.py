"""Stage 3a: category, gender and usage by eight classical models on image and text embeddings.

LogisticRegression, LinearSVC, KNeighbors, DecisionTree, RandomForest, AdaBoost, XGBoost and
LightGBM in the study's three experiments (HNM->FASHION, FASHION->HNM, mixed), with the majority
class as baseline. How each family of models is given the embeddings: common/labels/classical.py.

    --tune N   only looks for settings of the two boosted ones, N trials each, one set for all three
               tasks, judged on validation rows (see common/labels/tuning.py). It goes on where it
               stopped; better ones belong in BOOSTED of common/labels/classical.py.

Reads   <data-dir>/dataset_with_llm.csv, img_emb.npy, wrd_emb.npy (made first where missing)
Writes  <data-dir>/results/Classification_ML.csv, figures/Classification_ML/confusion_*.png of the
        best model; with --tune results/Classification_ML_tuning.csv, tuning/Classification_ML.jsonl

    python Classification_ML.py --data-dir data/sample               # sample catalogue
    python Classification_ML.py --raw-dir PATH                       # the real downloads
    python Classification_ML.py --raw-dir PATH --preset study        # with the study's CLIP
    python Classification_ML.py --raw-dir PATH --models XGBoost LightGBM --seed 0 1 2 3 4
    python Classification_ML.py --raw-dir PATH --tune 30
"""

from functools import partial

from common import cli, presets

STAGE = "Classification_ML"
MODELS = (
    *("LogisticRegression", "LinearSVC", "KNeighbors"),
    *("DecisionTree", "RandomForest", "AdaBoost", "XGBoost", "LightGBM"),
)


def main():
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip")
    group = parser.add_argument_group("what to run (default: all of it)")
    group.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, metavar="MODEL")
    cli.tuning_option(group)
    args = cli.parse(parser)
    run = cli.run_config(args)

    import numpy as np

    from common import dataset
    from common.labels import classical
    from common.labels.protocol import KEY, Estimator, run_tasks, summary
    from common.labels.tuning import search
    from common.results import Results

    data = dataset.load(run)
    embeddings = np.concatenate([data.image, data.text], axis=1, dtype=np.float32)
    if args.tune:
        for name, in_use in classical.BOOSTED.items():
            objective = partial(classical.objective, embeddings, name)
            search(run, STAGE, data, args.tune, name, objective, in_use)
        return
    settings = {"boosted": classical.BOOSTED}
    results = Results(run.paths.results(STAGE), run, data.inputs, KEY, settings)
    estimators = [
        Estimator((name,), partial(classical.fit_and_predict, name, embeddings))
        for name in args.models
    ]
    run_tasks(run, data, results, estimators)
    results.finish(summary(run, data, results))


if __name__ == "__main__":
    cli.run(main)
