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

    --market resale   second-hand listings instead, scored platform by platform: the platform's
                      median, its own TF-IDF ridge, a hierarchical ridge over all platforms,
                      LightGBM, and boosted trees stacked on the ridge; text alone, no embeddings
    --adapt FILE.csv  learns a marketplace that those trees have not seen from its own listings

    --tune N   looks for settings instead: N trials a library (raw embeddings, principal components
               or random projections; USD or log price; regularisation), each stopped early and
               judged on validation rows. It goes on where it stopped. What it finds is printed and
               stands in common/prices/trees.py.

Reads   data/dataset_with_llm.csv, data/img_emb.npy, data/wrd_emb.npy, data/clusters.csv
Writes  data/results/regression_ML.csv, data/models/regression_ML/ (trees, as text and JSON),
        data/figures/regression_ML/ (parity and residuals of the best model, with --figures all of
        every model, importances of the trees);
        with --tune data/results/price_tuning.csv and data/tuning/regression_ML.jsonl;
        with --market resale data/models/resale/, data/results/resale_ranges.csv and
        data/results/resale_condition.csv

    python regression_ML.py --data-dir data/sample                     the sample catalogue
    python regression_ML.py --data-dir data/kaggle14k --raw-dir PATH   the two Kaggle downloads
    python regression_ML.py --data-dir data/kaggle14k --raw-dir PATH --preset study
    python regression_ML.py --data-dir data/kaggle14k --raw-dir PATH --tune 40
"""

from pathlib import Path

from common import cli, runtime
from common.artifacts import fingerprint
from common.results import Results

STAGE = "regression_ML"
RUN = ("experiment", "features", "split", "seed")


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
    parser.add_argument(
        "--adapt",
        metavar="FILE.csv",
        type=Path,
        help="learns a new marketplace from its listings, in the columns of raw/listings; it takes "
        "the model of --market resale, and a hundred rows or more",
    )
    args = cli.parse(parser)
    run = cli.run_config(args)
    if args.market == "resale" or args.adapt:
        runtime.rest_while_waiting()
        from resale import fit as resale

        if args.adapt:
            print(resale.adapt(run, args.adapt), flush=True)
            return
        listings = resale.load(run)
        results = resale.open_results(run, listings, STAGE)
        resale.fit_models(run, listings, results)
        results.finish(resale.leaderboard(results))
        return

    from common.dataset import sides
    from common.prices.features import EXPERIMENTS, PriceTask, feature_columns, load_products
    from common.prices.fit import (
        BASELINE,
        PLAIN,
        ROW_KEY,
        STUDY_TREES,
        fit_missing,
        price_leaderboard,
        slug,
    )
    from common.prices.trees import LIBRARIES, Trees, search
    from reports import price_figures

    dataset = load_products(run, clusters="cluster" in args.experiment and not args.tune)
    if args.tune:
        # Tuned where a model has most to choose from; the other runs take the same settings.
        train, validation, _ = sides(dataset.table)
        columns = feature_columns(dataset.table, EXPERIMENTS["metadata"], "listing")
        task = PriceTask.build(dataset, columns, (train, train[:0], validation))
        table, path = run.paths.llm, run.paths.data / "tuning" / f"{STAGE}.jsonl"
        key = ("model", "trial")
        results = Results(run.paths.results("price_tuning"), run, {"table": table}, key)
        for library in LIBRARIES:
            # Trials on other rows or with other embeddings are not comparable.
            name = f"{library} {run.preset} {run.limit or 'all'} {fingerprint(table)[:12]}"
            for trial in search(library, task, args.tune, path, name):
                if not results.done(model=library, trial=trial["trial"]):
                    results.add(model=library, **trial)
        results.finish()
        return

    results = Results(run.paths.results(STAGE), run, dataset.inputs, ROW_KEY)
    endings = [{"tuned": "", "study": STUDY_TREES}[settings] for settings in args.trees]
    trees = [library + ending for ending in endings for library in LIBRARIES]
    names = [BASELINE, *PLAIN, *trees]
    for row, task, fit in fit_missing(run, dataset, results, names, args.experiment, args.features):
        name, experiment, features = row["model"], row["experiment"], row["features"]
        label = slug(name, experiment, features, run.split)
        if isinstance(fit.model, Trees):
            fit.model.save(run.paths.model(STAGE, f"{label}_seed{row['seed']}"), task.encoder)

        # Of the first run only the best model so far is drawn; a better one takes its place.
        first = (EXPERIMENTS[args.experiment[0]], args.features[-1], run.seed[0])
        rivals = [old for old in results.rows if all(old[k] == str(row[k]) for k in RUN)]
        best = (experiment, features, row["seed"]) == first and name != BASELINE
        best = best and all(row["r2"] > float(old["r2"]) for old in rivals)
        results.add(**row)
        if best or run.all_figures:
            stem = label if run.all_figures else slug("best", experiment, features, run.split)
            title = f"{name}, {experiment}, {features} features"
            tested = dataset.table.iloc[task.test]
            usd = tested["price_usd"], fit.usd, tested["dataset_source"]
            price_figures.price_parity(*usd, run.paths.figure(f"{STAGE}/{stem}_parity"), title)
            price_figures.residuals(*usd, run.paths.figure(f"{STAGE}/{stem}_residuals"), title)
            if isinstance(fit.model, Trees):
                path = run.paths.figure(f"{STAGE}/{stem}_importances")
                price_figures.importances(*fit.model.importances(task.encoder), path, title)
    results.finish(price_leaderboard(results, dataset))


if __name__ == "__main__":
    cli.run(main)
