"""Where the accuracy of a price comes from: by modality, by number of products, by attribute.

    python -m experiments.price_ablation --data-dir data/kaggle14k --raw-dir PATH --seed 0 1 2

By modality: the Price Ensemble on one kind of input alone, and on all kinds but one. By number: a
learning curve of the Price Ensemble and of LightGBM. By attribute: LightGBM learns the log price
from stated values, without embeddings; exact SHAP values (Lundberg et al., "From local explanations
to global understanding with explainable AI for trees", Nature Machine Intelligence 2020) give by
how much each value raises or lowers a price.

Reads   dataset_with_llm.csv, img_emb.npy, wrd_emb.npy, clusters.csv
Writes  results/price_ablation.csv, price_learning_curve.csv, price_effects.csv;
        figures/price_ablation/: inputs.png, learning_curve.png, effects.png
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lightgbm import LGBMRegressor

from common import cli, runtime
from common.artifacts import RunConfig
from common.dataset import Dataset, sides
from common.figures import SOURCE_STYLE, new_figure, plain, write
from common.prices import features
from common.prices.features import LISTING_COLUMNS, LLM_COLUMNS, STUDY_COLUMNS, PriceTask
from common.prices.fit import fit_price, score
from common.results import Results
from common.training import torch_device

KEY = ("inputs", "model", "split", "seed")
CURVE_KEY = ("learning_products", "model", "seed")
EFFECT_KEY = ("source", "attribute", "value")

KINDS = ("photo", "text", "LLM attributes", "metadata", "clusters")
INPUTS = {
    "all": KINDS,
    **{f"{kind} alone": (kind,) for kind in KINDS},
    **{f"all but {kind}": tuple(other for other in KINDS if other != kind) for kind in KINDS},
    "photo and text": ("photo", "text"),
}
STATED_COLUMNS = tuple(name for name in LISTING_COLUMNS if name not in LLM_COLUMNS)
ATTRIBUTES = (*STATED_COLUMNS, "normalized_gender", "normalized_usage", *LLM_COLUMNS)
SIZES = (500, 1000, 2000, 4000, 8000, 16000, 32000)
ENSEMBLE = "Price Ensemble"
CURVE_MODELS = (ENSEMBLE, "LightGBM")
MIN_EFFECT_ROWS = 20  # test products of a value whose effect is reported
MAX_VALUES = 12  # of a source in the figure, half of them those that raise a price
TREES = {"n_estimators": 400, "learning_rate": 0.05, "num_leaves": 15, "min_child_samples": 10}
TREES |= {"cat_smooth": 10, "cat_l2": 10, "verbose": -1}


def ablate(run: RunConfig, dataset: Dataset, device: torch.device) -> pd.DataFrame:
    """The Price Ensemble on each choice of INPUTS; returns the results table."""
    results = Results(run.paths.results("price_ablation"), run, dataset.inputs, KEY)
    clusters = features.feature_columns(dataset.table, "cluster + embedding", "study")
    metadata = (*STUDY_COLUMNS, *STATED_COLUMNS)
    columns_of = {"photo": (), "text": (features.WORDS,), "LLM attributes": LLM_COLUMNS}
    columns_of |= {"metadata": metadata, "clusters": clusters}
    for name, kinds in INPUTS.items():
        image = dataset.image if "photo" in kinds else dataset.image[:, :0]
        text = dataset.text if "text" in kinds else dataset.text[:, :0]
        columns = [column for kind in kinds for column in columns_of[kind]]
        task = PriceTask.build(replace(dataset, image=image, text=text), columns)
        for seed in run.seed:
            row = {"inputs": name, "model": ENSEMBLE, "split": run.split, "seed": seed}
            if not results.done(**row):
                fit = fit_price(ENSEMBLE, task, seed, device)
                results.add(**row, text=dataset.text_setting, **score(fit, task))
    results.finish()
    return results.frame


def curve(run: RunConfig, dataset: Dataset, device: torch.device) -> pd.DataFrame:
    """Learning from 500 products to all, the same test side; returns the results table.

    Whole groups are drawn from training and validation; smaller sets are parts of larger ones.
    """
    results = Results(run.paths.results("price_learning_curve"), run, dataset.inputs, CURVE_KEY)
    columns = features.feature_columns(dataset.table, "metadata + embedding", "listing")
    train, validation, test = sides(dataset.table)
    learn = np.concatenate([train, validation])
    for seed in run.seed:
        groups = dataset.table["group"].iloc[learn]
        order = np.random.default_rng(seed).permutation(groups.unique())
        rank = groups.map(pd.Series(np.arange(len(order)), order)).to_numpy()
        ordered = learn[np.argsort(rank, kind="stable")]
        for size in [*(size for size in SIZES if size < len(learn)), len(learn)]:
            rows = np.sort(ordered[:size])
            parts = np.intersect1d(rows, train), np.intersect1d(rows, validation), test
            keys = [{"learning_products": size, "model": m, "seed": seed} for m in CURVE_MODELS]
            missing = [key for key in keys if not results.done(**key)]
            task = PriceTask.build(dataset, columns, parts) if missing else None
            for key in missing:
                fit = fit_price(key["model"], task, seed, device)
                results.add(**key, text=dataset.text_setting, **score(fit, task))
    results.finish()
    return results.frame


def effects(run: RunConfig, dataset: Dataset) -> pd.DataFrame:
    """What each named attribute does to a price; returns the results table.

    For each source a row per attribute (``value`` empty: the mean absolute effect) and per value
    that MIN_EFFECT_ROWS test products have (the mean effect on those). An effect is a factor less
    one: 0.1 says that a price is 10 % higher than without knowing the value.
    """
    settings = {"attributes": ATTRIBUTES, "least_seen": MIN_EFFECT_ROWS}
    path = run.paths.results("price_effects")
    results = Results(path, run, dataset.inputs, EFFECT_KEY, settings)
    *fit_sides, test = sides(dataset.table)
    learn = np.concatenate(fit_sides)
    table, log_price = dataset.table, np.log(dataset.table["price_usd"].to_numpy())
    for source in sorted(set(table["dataset_source"])):
        if results.done(source=source, attribute="all", value=""):
            continue
        # A model a source: between them "H&M" is not a brand's worth but another catalogue's.
        of_source = (table["dataset_source"] == source).to_numpy()
        learned, tested = learn[of_source[learn]], test[of_source[test]]
        codes = _codes(table, learned)
        model = LGBMRegressor(**TREES, random_state=run.seed[0], n_jobs=runtime.cpu_count())
        model.fit(codes.iloc[learned], log_price[learned])
        shap = model.predict(codes.iloc[tested], pred_contrib=True)[:, :-1]
        explained = model.score(codes.iloc[tested], log_price[tested])  # R2
        for place, attribute in enumerate(codes.columns):
            contribution = pd.Series(shap[:, place], table.index[tested])
            key = {"source": source, "attribute": attribute}
            strength = np.expm1(contribution.abs().mean())
            results.add(**key, value="", n=len(tested), effect=strength)
            for value, rows in contribution.groupby(table[attribute].iloc[tested]):
                if value and len(rows) >= MIN_EFFECT_ROWS:
                    results.add(**key, value=value, n=len(rows), effect=np.expm1(rows.mean()))
        # Last, which says that the source is whole.
        results.add(source=source, attribute="all", value="", n=len(tested), r2_of_log=explained)
    results.finish()
    return results.frame


def _codes(table: pd.DataFrame, learned: np.ndarray) -> pd.DataFrame:
    """Attributes as categories that the `learned` rows have; rarer ones share a place."""
    codes = {}
    for name in ATTRIBUTES:
        counts = table[name].iloc[learned].value_counts()
        frequent = table[name].isin(counts.index[counts >= features.MIN_COUNT])
        codes[name] = pd.Categorical(table[name].where(frequent, "other"))
    return pd.DataFrame(codes, index=table.index)


def draw_ablation(table: pd.DataFrame, path: Path) -> None:
    """R2 by input: each kind alone, and all but one."""
    means = table.groupby("inputs")["r2"].agg(["mean", "min", "max"]).sort_values("mean")
    figure, axes = new_figure(7.4, 1.2 + 0.32 * len(means))
    shade = ["#0072B2" if "alone" in name else "0.6" for name in means.index]
    axes.barh(means.index, means["mean"], color=shade)
    axes.hlines(means.index, means["min"], means["max"], color="0.2", linewidth=1.5)
    axes.set_xlabel("R² on test products (line: from the worst seed to the best)")
    plain(axes)
    write(figure, path)


def draw_curve(table: pd.DataFrame, path: Path) -> None:
    """R2 and median error by the number of products learned from, per model."""
    figure, both = new_figure(9.6, 4.0, ncols=2)
    scores = (("r2", "R² on test products", 1), ("mdape", "median error (%)", 100))
    *sizes, most = sorted(set(table["learning_products"]))
    sizes = [*(size for size in sizes if size < 0.85 * most), most]  # labels that do not overlap
    for axes, (column, label, factor) in zip(both, scores, strict=True):
        for model, rows in table.groupby("model", sort=False):
            by_size = factor * rows.groupby("learning_products")[column].agg(["mean", "min", "max"])
            (line,) = axes.plot(by_size.index, by_size["mean"], "o-", label=model)
            ends = by_size["min"], by_size["max"]
            axes.fill_between(by_size.index, *ends, color=line.get_color(), alpha=0.2)
        axes.set(xscale="log", xlabel="products learned from", ylabel=label)
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=45)
        axes.minorticks_off()
        axes.legend(fontsize=8)
        plain(axes)
    write(figure, path)


def draw_effects(table: pd.DataFrame, path: Path) -> None:
    """By how much values raise or lower a price, the strongest of each source."""
    table = table[table["value"].notna() & (table["value"] != "other")]
    sources = [name for name in SOURCE_STYLE if (table["source"] == name).any()]
    columns = max(1, len(sources))
    figure, all_axes = new_figure(6.2 * columns, 5.4, ncols=columns)
    for axes, source in zip(np.atleast_1d(all_axes), sources, strict=False):
        rows = table[table["source"] == source].sort_values("effect")
        rank = np.arange(len(rows))
        rows = rows[np.minimum(rank, rank[::-1]) < MAX_VALUES // 2]
        colours = ["#D55E00" if effect < 0 else "#0072B2" for effect in rows["effect"]]
        axes.barh(range(len(rows)), 100 * rows["effect"], color=colours)
        names = rows["attribute"].str.removeprefix("normalized_").str.replace("_", " ")
        axes.set_yticks(range(len(rows)), names + ": " + rows["value"])
        axes.axvline(0, color="0.35", linewidth=1)
        axes.set(xlabel="change of the price (%)", title=SOURCE_STYLE[source][2])
        plain(axes)
    write(figure, path)


def main() -> None:
    run = cli.run_config(cli.parse(cli.parser(__doc__)))
    device, figure = torch_device(run.device), run.paths.figure
    dataset = features.load_products(run, clusters=True)
    draw_effects(effects(run, dataset), figure("price_ablation/effects"))
    draw_ablation(ablate(run, dataset, device), figure("price_ablation/inputs"))
    draw_curve(curve(run, dataset, device), figure("price_ablation/learning_curve"))


if __name__ == "__main__":
    cli.run(main)
