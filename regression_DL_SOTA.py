"""Stage 4b: the price in USD by neural networks: the study's Advanced MLP, and ours.

Learns the price from raw image and text embeddings with metadata or with the clusters of stage 2
beside them, on the study's own columns and on what a listing can state (see
common/prices/features.py).

    --recipe ensemble   (default) three members, each half a small network and half a kernel ridge
                    regression, on principal components of the embeddings. A network has heads for
                    quantiles of the log price (pinball loss) and for USD (squared error), and the
                    kernel says both; the price is mostly the median, a little the mean price.
                    AdamW, one cycle, mixed precision. The settings were chosen on validation rows;
                    with them fixed it learns from training and validation. Each member leaves out
                    a fold, by which a 90 % range of the price is calibrated
                    (common/prices/conformal.py).
    --recipe study  the study's Advanced MLP: 512-256-128-64, batch norm, swish, dropout, squared
                    error in USD, Adam, up to 300 epochs, stopped by 20 % validation rows

Reads   data/dataset_with_llm.csv, data/img_emb.npy, data/wrd_emb.npy, data/clusters.csv
Writes  data/results/regression_DL_SOTA.csv, data/models/regression_DL_SOTA/ (safetensors + JSON),
        data/figures/regression_DL_SOTA_*.png (parity, residuals, learning curves),
        data/results/price_groups.csv (errors and ranges by source, gender, category, price)

    python regression_DL_SOTA.py --data-dir data/sample                 the sample catalogue
    python regression_DL_SOTA.py --data-dir data/kaggle14k --raw-dir PATH   the two Kaggle downloads
    python regression_DL_SOTA.py --data-dir data/kaggle14k --raw-dir PATH --recipe study ensemble \\
        --seed 0 1 2 3 4                                                the README's table
    python regression_DL_SOTA.py --data-dir data/kaggle14k --raw-dir PATH --preset study

It reproduces the README's tables of neural price models and of price ranges.
"""

import time

from common import cli, runtime
from common.results import Results


def main() -> None:
    parser = cli.parser(__doc__)
    cli.price_options(parser)
    group = parser.add_argument_group("how to learn")
    group.add_argument(
        "--recipe",
        nargs="+",
        choices=("ensemble", "study"),
        default=["ensemble"],
        help="ours (ensemble), the study's Advanced MLP",
    )
    group.add_argument(
        "--compile", action="store_true", help="torch.compile the network: for a GPU and many rows"
    )
    args = cli.parse(parser)

    import numpy as np

    from common import dataset as data
    from common import training
    from common.prices import conformal as price_range
    from common.prices import features as pricing
    from common.prices import model as price_model
    from common.prices import recipes as price_recipes

    # The rows of each side, and the target in USD.
    device = training.torch_device(args.device)
    dataset = pricing.load(args)
    table = dataset.table
    train, validation, test = data.sides(table)
    learn = np.concatenate([train, validation])
    tested = table.iloc[test]
    usd = table["price_usd"].to_numpy(np.float32)
    results = Results(
        args.paths.results("regression_DL_SOTA"), args, dataset.inputs, pricing.ROW_KEY
    )
    groups = Results(
        args.paths.results("price_groups"), args, dataset.inputs, price_range.GROUP_KEY
    )

    for experiment, features, seed in pricing.runs(args):
        row = {"experiment": experiment, "features": features, "seed": seed, "split": args.split}
        encoder = pricing.PriceFeatures.fit(
            dataset, learn, pricing.columns(table, experiment, features)
        )
        matrix = price_model.matrix_of(encoder, dataset)

        for recipe in args.recipe:
            name = price_recipes.NAMES[recipe]
            if results.done(**row, model=name):
                continue
            runtime.seed_everything(seed)
            started = time.perf_counter()
            fit = price_recipes.RECIPES[recipe]
            model, history, learned = fit(
                encoder, matrix, table, train, validation, seed, device, args.compile
            )
            fitted = time.perf_counter()
            predicted = model.predict_matrix(matrix[test], device)
            seconds = (fitted - started, time.perf_counter() - fitted)

            label = pricing.slug("regression_DL_SOTA", recipe, experiment, features, args.split)
            kept = args.paths.model("regression_DL_SOTA", f"{label}_seed{seed}.safetensors")
            model.save(kept, experiment=experiment, features=features, seed=seed, recipe=recipe)
            ranges = None
            if model.margins:
                _, *ranges = model.range_matrix(matrix[test], device)
                half = model.margins.constant
                constant = np.maximum(predicted - half, 0), predicted + half
                for method, ends in (("constant width", constant), (name, ranges)):
                    for one in price_range.by_group(tested, predicted, *ends):
                        if not groups.done(**row, method=method, group=one["group"]):
                            groups.add(**row, method=method, **one)
            truth = usd[test], predicted, tested["dataset_source"]
            title = f"{name}, {experiment}, {features} features"
            draw(args, label, truth, ranges, {name: vars(history)}, title)
            results.add(
                **pricing.row(dataset, learned, test, predicted, name, seconds, **row),
                epochs=history.epochs,
            )
    results.finish()
    groups.finish()


def draw(args, label, truth, ranges, histories, title):
    """truth: listed and predicted USD and the source, (n_test,) each; ranges: low, high or None."""
    from common import figures  # matplotlib: not before there is something to draw

    figures.price_parity(*truth, args.paths.figure(f"{label}_parity"), title)
    figures.residuals(*truth, args.paths.figure(f"{label}_residuals"), title)
    figures.learning_curves(histories, args.paths.figure(f"{label}_learning"), title)
    if ranges:
        figures.price_ranges(truth[0], *ranges, args.paths.figure(f"{label}_ranges"), title)


if __name__ == "__main__":
    cli.run(main)
