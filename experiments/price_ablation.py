"""Where the accuracy of a price comes from: by modality, by number of products, by attribute.

    python -m experiments.price_ablation --data-dir data/kaggle14k --raw-dir PATH --seed 0 1 2

By modality: our network on one kind of input alone, and on all kinds but one. By number: a
learning curve from 500 products to all, of our network and of LightGBM. By attribute: LightGBM on
what a listing states in words of a fixed list, without embeddings, learns the log price; exact
SHAP values (Lundberg et al., "From local explanations to global understanding with explainable AI
for trees", Nature Machine Intelligence 2020), as the library computes them, say by how much each
value raises or lowers a price.

Reads   dataset_with_llm.csv, img_emb.npy, wrd_emb.npy, clusters.csv
Writes  results/price_ablation.csv, results/price_learning_curve.csv, results/price_effects.csv,
        figures/price_ablation.png, figures/price_learning_curve.png, figures/price_effects.png
"""

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from common import cli
from common.dataset import Dataset
from common.prices import features as pricing
from common.prices import recipes as price_recipes
from common.prices.trees import plain_lightgbm
from common.results import Results
from common.training import torch_device
from experiments import price_figures
from experiments import price_models as price_contest

KEY = ("given", "model", "split", "seed")
CURVE_KEY = ("learning_products", "model", "seed")
EFFECT_KEY = ("source", "attribute", "value")

LLM_COLUMNS = tuple(name for name in pricing.LISTING_COLUMNS if name.startswith("llm_"))
METADATA = (*pricing.STUDY_COLUMNS, *(c for c in pricing.LISTING_COLUMNS if c not in LLM_COLUMNS))
KINDS = ("photo", "text", "LLM attributes", "metadata", "clusters")
SIZES = (500, 1000, 2000, 4000, 8000, 16000, 32000)
OURS = price_recipes.NAMES["ensemble"]
CURVE_MODELS = (OURS, "LightGBM")
LEAST_SEEN = 20  # test products of a value whose effect is told
ATTRIBUTES = (
    "brand",
    "product_type",
    "section",
    "appearance",
    "colour",
    "normalized_gender",
    "normalized_usage",
    *LLM_COLUMNS,
)


def given() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name and kinds of input of each run of the ablation."""
    yield "all", KINDS
    for kind in KINDS:
        yield f"{kind} alone", (kind,)
    for kind in KINDS:
        yield f"all but {kind}", tuple(other for other in KINDS if other != kind)
    yield "photo and text", ("photo", "text")


def ablate(args: argparse.Namespace, dataset: Dataset, device: torch.device) -> pd.DataFrame:
    """Our network on each choice of inputs; returns the results table."""
    results = Results(args.paths.results("price_ablation"), args, dataset.inputs, KEY)
    sides = price_contest.sides(dataset)
    clusters = tuple(name for name in dataset.table if name.startswith(pricing.CLUSTER_PREFIX))
    columns_of = {
        "text": (pricing.WORDS,),
        "LLM attributes": LLM_COLUMNS,
        "metadata": METADATA,
        "clusters": clusters,
    }
    for name, kinds in given():
        seen = price_contest.without(dataset, "photo" not in kinds, "text" not in kinds)
        columns = [column for kind in kinds for column in columns_of.get(kind, ())]
        for seed in args.seed:
            row = {"given": name, "model": OURS, "split": args.split, "seed": seed}
            if results.done(**row):
                continue
            priced = price_contest.fit(OURS, seen, columns, sides, seed, device)
            results.add(**row, text=dataset.text_setting, **_scores(dataset, sides, priced))
    results.finish()
    return results.frame


def curve(args: argparse.Namespace, dataset: Dataset, device: torch.device) -> pd.DataFrame:
    """Learning from 500 products to all, the same test side; returns the results table.

    Whole groups are drawn, from training and validation alike, so that the smaller sets are parts
    of the larger ones.
    """
    results = Results(args.paths.results("price_learning_curve"), args, dataset.inputs, CURVE_KEY)
    columns = pricing.columns(dataset.table, pricing.EXPERIMENTS["metadata"], "listing")
    train, validation, test = price_contest.sides(dataset)
    learn = np.concatenate([train, validation])
    for seed in args.seed:
        groups = dataset.table["group"].iloc[learn]
        order = np.random.default_rng(seed).permutation(groups.unique())
        rank = groups.map(pd.Series(np.arange(len(order)), order)).to_numpy()
        ordered = learn[np.argsort(rank, kind="stable")]
        for size in [*(size for size in SIZES if size < len(learn)), len(learn)]:
            some = np.sort(ordered[:size])
            sides = (np.intersect1d(some, train), np.intersect1d(some, validation), test)
            for model in CURVE_MODELS:
                row = {"learning_products": size, "model": model, "seed": seed}
                if results.done(**row):
                    continue
                priced = price_contest.fit(model, dataset, columns, sides, seed, device)
                results.add(**row, text=dataset.text_setting, **_scores(dataset, sides, priced))
    results.finish()
    return results.frame


def effects(args: argparse.Namespace, dataset: Dataset) -> pd.DataFrame:
    """What each named attribute does to a price; returns the results table.

    A row per attribute (``value`` empty: the mean absolute effect) and per value of it that
    LEAST_SEEN test products have (the mean effect on those), for each source. An effect is a
    factor less one: 0.1 says that a price is 10 % higher than without knowing the value.
    """
    results = Results(
        args.paths.results("price_effects"), args, dataset.inputs, EFFECT_KEY,
        {"attributes": ATTRIBUTES, "least_seen": LEAST_SEEN},
    )  # fmt: skip
    train, validation, test = price_contest.sides(dataset)
    learn = np.concatenate([train, validation])
    table = dataset.table
    for source in sorted(set(table["dataset_source"])):
        if results.done(source=source, attribute="all", value=""):
            continue
        # A model a source: between them "H&M" is not a brand's worth but another catalogue's.
        own = (table["dataset_source"] == source).to_numpy()
        seen, told = learn[own[learn]], test[own[test]]
        codes = _codes(table, seen)
        log_price = np.log(table["price_usd"].to_numpy())
        model = plain_lightgbm(
            args.seed[0], num_leaves=15, min_child_samples=10, cat_smooth=10, cat_l2=10
        )
        model.fit(codes.iloc[seen], log_price[seen])
        shap = model.predict(codes.iloc[told], pred_contrib=True)[:, :-1]
        predicted = model.predict(codes.iloc[told])
        left = np.sum((log_price[told] - predicted) ** 2)
        explained = 1 - left / np.sum((log_price[told] - log_price[told].mean()) ** 2)
        for place, attribute in enumerate(codes.columns):
            of_one = pd.Series(shap[:, place], table.index[told])
            results.add(
                source=source, attribute=attribute, value="", n=len(told),
                effect=float(np.expm1(of_one.abs().mean())),
            )  # fmt: skip
            values = table[attribute].iloc[told]
            for value, rows in of_one.groupby(values):
                if value and len(rows) >= LEAST_SEEN:
                    results.add(
                        source=source, attribute=attribute, value=value, n=len(rows),
                        effect=float(np.expm1(rows.mean())),
                    )  # fmt: skip
        results.add(source=source, attribute="all", value="", n=len(told), r2_of_log=explained)
    results.finish()
    return results.frame


def _codes(table: pd.DataFrame, seen: np.ndarray) -> pd.DataFrame:
    """Named attributes as categories that `seen` rows know; rarer ones share a place."""
    made = {}
    for name in ATTRIBUTES:
        counts = table[name].iloc[seen].value_counts()
        known = counts.index[counts >= pricing.RAREST]
        made[name] = pd.Categorical(table[name].where(table[name].isin(known), "other"))
    return pd.DataFrame(made, index=table.index)


def _scores(dataset: Dataset, sides: tuple, priced: price_contest.Priced) -> dict:
    return price_contest.scores(dataset, sides[2], priced)


def main() -> None:
    args = cli.parse(cli.parser(__doc__))
    device = torch_device(args.device)
    dataset = price_contest.load(args, args.split, clusters=True)
    figure = args.paths.figure
    price_figures.effects(effects(args, dataset), figure("price_effects"))
    price_figures.ablation(ablate(args, dataset, device), figure("price_ablation"))
    price_figures.size_curve(curve(args, dataset, device), figure("price_learning_curve"))


if __name__ == "__main__":
    cli.run(main)
