"""Stage 4a: the price in USD by classical models.

Learns the price from image and text embeddings with metadata or with the clusters of stage 2
beside them ("metadata + embedding", "cluster + embedding"), on the study's own columns and on
what a listing can state (see common/prices/features.py), and scores each model on the test side:

    Median by source    what one knows without looking at the product
    LinearRegression    ordinary least squares
    Ridge               penalty 1 on unit-length embeddings and one-hot columns
    kNN                 mean price of the 10 nearest products by cosine
    XGBoost, LightGBM   boosted trees with settings chosen on validation rows (--tune); with
                        --trees study the study's 1,000 trees at a learning rate of 0.05

With their settings fixed all models learn from training and validation rows, none stopped early.

    --tune N   looks for settings instead: N trials a library (raw embeddings, principal components
               or random projections; USD or log price; regularisation), each stopped early and
               judged on validation rows. It goes on where it stopped. What it found is printed and
               stands in common/prices/trees.py.

Reads   data/dataset_with_llm.csv, data/img_emb.npy, data/wrd_emb.npy, data/clusters.csv
Writes  data/results/regression_ML.csv, data/models/regression_ML/ (trees, as text and JSON),
        data/figures/regression_ML_*.png (parity, residuals and importances of the trees);
        with --tune data/results/price_tuning.csv and data/tuning/regression_ML.jsonl

    python regression_ML.py --data-dir data/sample                 the sample catalogue
    python regression_ML.py --data-dir data/kaggle14k --raw-dir PATH   the two Kaggle downloads
    python regression_ML.py --data-dir data/kaggle14k --raw-dir PATH --preset study
    python regression_ML.py --data-dir data/kaggle14k --raw-dir PATH --tune 40

It reproduces the README's table of classical price models.
"""

import time

from common import cli
from common.artifacts import atomic, write_json
from common.results import Results

NEIGHBOURS = 10
LIBRARIES = ("XGBoost", "LightGBM")
STUDY_TREES = " (study)"  # after the name of a library: the study's settings
TUNING_KEY = ("model", "trial")
# Tuned where a model has most to choose from; the other runs take what is found there.
TUNED_ON = ("metadata + embedding", "listing")


def models(seed: int, widths: tuple[int, ...], trees: list[str]) -> dict:
    """The models by name, unfitted, each with ``fit`` and ``predict``."""
    from sklearn.linear_model import LinearRegression, Ridge
    from sklearn.neighbors import KNeighborsRegressor

    from common.prices.trees import STUDY, TUNED, Trees

    made = {
        "LinearRegression": LinearRegression(),
        "Ridge": Ridge(1.0),
        "kNN": KNeighborsRegressor(NEIGHBOURS, metric="cosine"),
    }
    for kind, settings, suffix in (("tuned", TUNED, ""), ("study", STUDY, STUDY_TREES)):
        if kind in trees:
            made |= {name + suffix: Trees(name, settings[name], widths, seed) for name in LIBRARIES}
    return made


def keep(trees, encoder, path) -> None:
    """Saves trees in their library's own text format, and all else they need beside it."""
    booster, suffix = trees.booster
    with atomic(path.with_suffix(suffix)) as part:
        booster.save_model(part)
    write_json(encoder.as_dict(), path.with_suffix(".encoder.json"))
    write_json(trees.as_dict(), path.with_suffix(".trees.json"))


def by_feature(encoder, trees) -> tuple[list, list]:
    """Names and gains of the metadata values, and of each embedding taken as a whole."""
    import numpy as np

    ends = np.cumsum(trees.read_widths)
    *embeddings, columns = np.split(trees.model.feature_importances_, ends)
    names = [*encoder.embeddings, *encoder.names[sum(encoder.widths) :]]
    return names, [*(one.sum() for one in embeddings), *columns]


def tune(args, matrix, usd, sides, widths) -> None:
    """Every trial of both libraries as a row of a table, and the best settings on the screen."""
    from common.artifacts import fingerprint
    from common.prices import trees as price_trees

    table = args.paths.llm
    inputs = {"table": table}
    results = Results(args.paths.results("price_tuning"), args, inputs, TUNING_KEY)
    for library in LIBRARIES:
        # Trials on other rows or with other embeddings are not comparable.
        name = f"{library} {args.preset} {args.limit or 'all'} {fingerprint(table)[:12]}"
        path = args.paths.data / "tuning" / "regression_ML.jsonl"
        for one in price_trees.search(library, matrix, usd, sides, widths, args.tune, path, name):
            if not results.done(model=library, trial=one["trial"]):
                results.add(model=library, **one)
    results.finish()


def main() -> None:
    parser = cli.parser(__doc__)
    cli.price_options(parser)
    group = parser.add_argument_group("the boosted trees")
    group.add_argument(
        "--trees",
        nargs="+",
        choices=("tuned", "study"),
        default=["tuned"],
        help="settings chosen here (tuned), the study's",
    )
    cli.tuning_option(group)
    args = cli.parse(parser)
    if args.tune:
        args.experiment, args.features = ["metadata"], ["listing"]

    import numpy as np

    from common import dataset as data
    from common import figures
    from common.prices import features as pricing

    # The rows: training and validation to learn from, test to be scored on.
    dataset = pricing.load(args)
    table = dataset.table
    train, validation, test = data.sides(table)
    learn = np.concatenate([train, validation])
    usd, source = table["price_usd"].to_numpy(), table["dataset_source"]

    if args.tune:
        columns = pricing.columns(table, *TUNED_ON)
        encoder = pricing.PriceFeatures.fit(dataset, train, columns)
        matrix = encoder.matrix(table, dataset.image, dataset.text)
        tune(args, matrix, usd, (train, validation), encoder.widths)
        return
    results = Results(args.paths.results("regression_ML"), args, dataset.inputs, pricing.ROW_KEY)

    for experiment, features, seed in pricing.runs(args):
        row = {"experiment": experiment, "features": features, "seed": seed, "split": args.split}
        if not results.done(**row, model="Median by source"):
            medians = table.iloc[learn].groupby("dataset_source")["price_usd"].median()
            predicted = source.iloc[test].map(medians).to_numpy()
            results.add(**pricing.row(dataset, learn, test, predicted, "Median by source", **row))

        # The features: both embeddings and the one-hot columns, encoded as seen in learning.
        encoder = pricing.PriceFeatures.fit(
            dataset, learn, pricing.columns(table, experiment, features)
        )
        matrix = encoder.matrix(table, dataset.image, dataset.text)

        for name, model in models(seed, encoder.widths, args.trees).items():
            if results.done(**row, model=name):
                continue
            started = time.perf_counter()
            model.fit(matrix[learn], usd[learn])
            fitted = time.perf_counter()
            predicted = model.predict(matrix[test])
            seconds = (fitted - started, time.perf_counter() - fitted)

            if name.removesuffix(STUDY_TREES) in LIBRARIES:
                title = f"{name}, {experiment}, {features} features"
                label = pricing.slug("regression_ML", name, experiment, features, args.split)
                keep(model, encoder, args.paths.model("regression_ML", f"{label}_seed{seed}"))
                figure = args.paths.figure
                truth = (usd[test], predicted, source.iloc[test])
                figures.price_parity(*truth, figure(f"{label}_parity"), title)
                figures.residuals(*truth, figure(f"{label}_residuals"), title)
                figures.importances(
                    *by_feature(encoder, model), figure(f"{label}_importances"), title
                )
            results.add(**pricing.row(dataset, learn, test, predicted, name, seconds, **row))
    results.finish()


if __name__ == "__main__":
    cli.run(main)
