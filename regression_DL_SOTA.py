"""Stage 4b: the price in USD by neural networks: the Price Ensemble, and the study's Advanced MLP.

Learns the price from raw image and text embeddings with metadata or with the clusters of stage 2
beside them, on the study's own columns and on what a listing can state (see
common/prices/features.py).

    --recipe ensemble   (default) the Price Ensemble: three members, each half a small network and
                    half a kernel ridge regression, on principal components of the embeddings. A
                    network has heads for quantiles of the log price (pinball loss) and for USD
                    (squared error), the kernel predicts both; the price is mostly the median, a
                    little the mean price. AdamW, one cycle, mixed precision. With its settings
                    fixed it learns from training and validation rows. Each member leaves out a
                    fold, by which a 90 % interval of the price is calibrated
                    (common/prices/conformal.py).
    --recipe study  the Advanced MLP: 512-256-128-64, batch norm, swish, dropout, squared error in
                    USD, Adam, up to 300 epochs, stopped by validation rows
    --market resale second-hand listings instead, platform by platform: a network on hashed words
                    and fields, alone and averaged with the stacked trees of regression_ML.py

Reads   data/dataset_with_llm.csv, data/img_emb.npy, data/wrd_emb.npy, data/clusters.csv
Writes  data/results/regression_DL_SOTA.csv, data/models/regression_DL_SOTA/ (safetensors + JSON),
        data/results/price_groups.csv (errors and intervals by source, gender, category, price),
        data/figures/regression_DL_SOTA/ (parity, residuals, learning curve and intervals of the
        first run; of every run with --figures all)

    python regression_DL_SOTA.py --data-dir data/sample                     the sample catalogue
    python regression_DL_SOTA.py --data-dir data/kaggle14k --raw-dir PATH   the Kaggle downloads
    python regression_DL_SOTA.py --data-dir data/kaggle14k --raw-dir PATH --recipe study ensemble \\
        --seed 0 1 2 3 4                                                    the README's table
    python regression_DL_SOTA.py --data-dir data/kaggle14k --raw-dir PATH --preset study
"""

from common import cli, runtime
from common.results import Results

STAGE = "regression_DL_SOTA"


def main() -> None:
    parser = cli.parser(__doc__)
    cli.price_options(parser)
    group = parser.add_argument_group("how to learn")
    group.add_argument(
        "--recipe",
        nargs="+",
        choices=("ensemble", "study"),
        default=["ensemble"],
        help="the Price Ensemble (ensemble), the study's Advanced MLP (study)",
    )
    group.add_argument(
        "--compile", action="store_true", help="torch.compile the network: for a GPU and many rows"
    )
    args = cli.parse(parser)
    run = cli.run_config(args)
    if args.market == "resale":
        runtime.rest_while_waiting()
        from resale import fit as resale

        listings = resale.load(run)
        results = resale.open_results(run, listings, STAGE)
        resale.fit_networks(run, listings, results)
        results.finish(resale.leaderboard(results))
        return

    from common.figures import learning_curves
    from common.prices.features import EXPERIMENTS, load_products
    from common.prices.fit import (
        GROUP_KEY,
        ROW_KEY,
        fit_missing,
        price_leaderboard,
        score_groups,
        slug,
    )
    from common.prices.recipes import RECIPES
    from reports import price_figures

    dataset = load_products(run, clusters="cluster" in args.experiment)
    results = Results(run.paths.results(STAGE), run, dataset.inputs, ROW_KEY)
    groups = Results(run.paths.results("price_groups"), run, dataset.inputs, GROUP_KEY)
    recipe_of = {RECIPES[recipe][0]: recipe for recipe in args.recipe}
    shown = RECIPES["ensemble" if "ensemble" in args.recipe else "study"][0]
    first = (EXPERIMENTS[args.experiment[0]], args.features[-1], run.seed[0], shown)
    for row, task, fit in fit_missing(
        run, dataset, results, list(recipe_of), args.experiment, args.features, args.compile
    ):
        name, experiment, features = row["model"], row["experiment"], row["features"]
        key = {column: row[column] for column in ("experiment", "features", "seed", "split")}
        label = slug(recipe_of[name], experiment, features, run.split)
        path = run.paths.model(STAGE, f"{label}_seed{row['seed']}.safetensors")
        fit.model.save(path, **key, recipe=recipe_of[name])
        tested = dataset.table.iloc[task.test]
        if fit.interval:
            half = fit.model.margins.constant
            constant = (fit.usd - half).clip(0), fit.usd + half
            for method, ends in (("constant width", constant), (name, fit.interval)):
                for group in score_groups(tested, fit.usd, *ends):
                    if not groups.done(**key, method=method, group=group["group"]):
                        groups.add(**key, method=method, **group)
        if run.all_figures or (experiment, features, row["seed"], name) == first:
            stem, title = f"{STAGE}/{label}", f"{name}, {experiment}, {features} features"
            usd = tested["price_usd"], fit.usd, tested["dataset_source"]
            price_figures.price_parity(*usd, run.paths.figure(f"{stem}_parity"), title)
            price_figures.residuals(*usd, run.paths.figure(f"{stem}_residuals"), title)
            curve = {name: vars(fit.history)}
            learning_curves(curve, run.paths.figure(f"{stem}_learning"), title)
            if fit.interval:
                path = run.paths.figure(f"{stem}_ranges")
                price_figures.price_ranges(usd[0], *fit.interval, path, title)
        results.add(**row, epochs=fit.history.epochs)
    results.finish(price_leaderboard(results, dataset))
    if groups.rows:
        groups.finish()


if __name__ == "__main__":
    cli.run(main)
