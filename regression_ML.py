"""Stage 4a: the price in USD by classical models.

Learns the price from image and text embeddings with metadata or with the clusters of stage 2
beside them ("metadata + embedding", "cluster + embedding"), on the study's own columns and on
what a listing can state (see common/pricing.py), and scores each model on the test side:

    Median by source    what one knows without looking at the product
    LinearRegression    ordinary least squares
    Ridge               penalty 1 on unit-length embeddings and one-hot columns
    kNN                 mean price of the 10 nearest products by cosine
    XGBoost, LightGBM   the study's 1,000 trees at a learning rate of 0.05

Nothing here is tuned or stopped early, so all models learn from training and validation rows.

Reads   data/dataset_with_llm.csv, data/img_emb.npy, data/wrd_emb.npy, data/clusters.csv
Writes  data/results/regression_ML.csv, data/models/regression_ML/ (trees, as text and JSON),
        data/figures/regression_ML_*.png (parity, residuals and importances of the trees)

    python regression_ML.py --data-dir data/sample                 the sample catalogue
    python regression_ML.py --data-dir data/study --raw-dir PATH   the two Kaggle downloads
    python regression_ML.py --data-dir data/study --raw-dir PATH --preset study

It reproduces the README's table of classical price models.
"""

import os
import time

from common import cli
from common.artifacts import Results, atomic, write_json

TREES, RATE = 1000, 0.05  # the study's
BINS = 63  # of a histogram; the usual 255 take three times as long on 1,500 dimensions, for nothing
NEIGHBOURS = 10


def models(seed: int) -> dict:
    """The models by name, unfitted, with scikit-learn's interface."""
    from lightgbm import LGBMRegressor
    from sklearn.linear_model import LinearRegression, Ridge
    from sklearn.neighbors import KNeighborsRegressor
    from xgboost import XGBRegressor

    # What the libraries take for "all cores" is the machine's, not what this process may use.
    cores = len(os.sched_getaffinity(0))
    trees = {"n_estimators": TREES, "learning_rate": RATE, "max_bin": BINS}
    trees |= {"random_state": seed, "n_jobs": cores}
    return {
        "LinearRegression": LinearRegression(),
        "Ridge": Ridge(1.0),
        "kNN": KNeighborsRegressor(NEIGHBOURS, metric="cosine"),
        "XGBoost": XGBRegressor(**trees),
        "LightGBM": LGBMRegressor(**trees, importance_type="gain", force_col_wise=True, verbose=-1),
    }


def keep(model, encoder, path) -> None:
    """Saves a tree model in its library's own text format, and its encoder beside it."""
    booster, suffix = (
        (model.booster_, ".txt") if hasattr(model, "booster_") else (model.get_booster(), ".json")
    )
    with atomic(path.with_suffix(suffix)) as part:
        booster.save_model(part)
    write_json(encoder.as_dict(), path.with_suffix(".encoder.json"))


def by_feature(encoder, gains) -> tuple[list, list]:
    """Names and gains of the metadata values, and of each embedding taken as a whole."""
    image, both = encoder.image_width, encoder.image_width + encoder.text_width
    names = ["image embedding", "text embedding", *encoder.names[both:]]
    return names, [gains[:image].sum(), gains[image:both].sum(), *gains[both:]]


def main() -> None:
    parser = cli.parser(__doc__)
    cli.price_options(parser)
    args = cli.parse(parser)

    import numpy as np

    from common import dataset as data
    from common import figures, pricing

    # The rows: training and validation to learn from, test to be scored on.
    dataset = pricing.load(args)
    table = dataset.table
    train, validation, test = data.sides(table)
    learn = np.concatenate([train, validation])
    usd, source = table["price_usd"].to_numpy(), table["dataset_source"]
    results = Results(args.paths.results("regression_ML"), args, dataset.inputs, pricing.ROW_KEY)

    for experiment, features, seed in pricing.runs(args):
        row = {"experiment": experiment, "features": features, "seed": seed, "split": args.split}
        if not results.done(**row, model="Median by source"):
            medians = table.iloc[learn].groupby("dataset_source")["price_usd"].median()
            predicted = source.iloc[test].map(medians).to_numpy()
            results.add(**pricing.row(dataset, learn, test, predicted, "Median by source", **row))

        # The features: both embeddings and the one-hot columns, encoded as seen in learning.
        encoder = pricing.Encoder.fit(dataset, learn, pricing.columns(table, experiment, features))
        matrix = encoder.matrix(table, dataset.image, dataset.text)

        for name, model in models(seed).items():
            if results.done(**row, model=name):
                continue
            started = time.perf_counter()
            model.fit(matrix[learn], usd[learn])
            fitted = time.perf_counter()
            predicted = model.predict(matrix[test])
            seconds = (fitted - started, time.perf_counter() - fitted)

            if hasattr(model, "feature_importances_"):
                title = f"{name}, {experiment}, {features} features"
                label = pricing.slug("regression_ML", name, experiment, features, args.split)
                keep(model, encoder, args.paths.model("regression_ML", f"{label}_seed{seed}"))
                figure = args.paths.figure
                truth = (usd[test], predicted, source.iloc[test])
                figures.price_parity(*truth, figure(f"{label}_parity"), title)
                figures.residuals(*truth, figure(f"{label}_residuals"), title)
                gains = by_feature(encoder, model.feature_importances_)
                figures.importances(*gains, figure(f"{label}_importances"), title)
            results.add(**pricing.row(dataset, learn, test, predicted, name, seconds, **row))
    results.finish()


if __name__ == "__main__":
    cli.run(main)
