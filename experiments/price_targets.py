"""Which price of H&M's sales is the target: median, mean, mode or a high quantile.

    python -m experiments.price_targets --data-dir data/kaggle14k --raw-dir PATH --seed 0 1 2

H&M publishes sales, many of them discounted, not price tags. The same products, split and
features are learned with each statistic as H&M's price (Fashion's stay as they are). Two figures
need no model: how many prices lie on H&M's grid (19.99), and how many products whose colours are
sold apart get one price from all of them, as their tags have it.

Reads   dataset_with_llm.csv, img_emb.npy, wrd_emb.npy, the H&M download's transactions
Writes  results/price_targets.csv
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from common import cli
from common.dataset import Dataset
from common.merge.currency import EUR_TO_USD, HNM_TO_EUR
from common.merge.sources import STATISTICS, article_prices, read_articles
from common.prices import features as pricing
from common.prices import recipes as price_recipes
from common.results import Results
from common.training import torch_device
from experiments import price_models as price_contest

STAGE = "price_targets"
KEY = ("statistic", "model", "seed")
MODELS = ("Ridge", "LightGBM", price_recipes.NAMES["ensemble"])
CENT = 0.01 * EUR_TO_USD


def measure(args: argparse.Namespace) -> None:
    """Scores every model on every statistic, what is there already left out."""
    device = torch_device(args.device)
    dataset = price_contest.load(args, args.split)
    results = Results(args.paths.results(STAGE), args, dataset.inputs, KEY)
    columns = pricing.columns(dataset.table, pricing.EXPERIMENTS["metadata"], "listing")
    for statistic in STATISTICS:
        priced_by, facts = with_statistic(args, dataset, statistic)
        sides = price_contest.sides(priced_by)
        for model in MODELS:
            for seed in args.seed:
                row = {"statistic": statistic, "model": model, "seed": seed}
                if results.done(**row):
                    continue
                priced = price_contest.fit(model, priced_by, columns, sides, seed, device)
                found = price_contest.scores(priced_by, sides[2], priced)
                own = priced_by.table["dataset_source"].iloc[sides[2]].to_numpy() == "HNM"
                true = priced_by.table["price_usd"].to_numpy()[sides[2]][own]
                error = np.abs(priced.usd[own] - true)
                found["mae_hnm"] = float(error.mean())
                found["mdape_hnm"] = float(np.median(error / true))
                results.add(**row, **facts, text=dataset.text_setting, **found)
    results.finish()


def with_statistic(
    args: argparse.Namespace, dataset: Dataset, statistic: str
) -> tuple[Dataset, dict]:
    """The products with another price of H&M's, and what this price is like.

    Facts: ``on_grid``, share of H&M's products whose price in EUR ends in 99 cents;
    ``colours_agree``, share of those sold in several colours whose colours cost the same to the
    cent; ``median_usd``, the median price.
    """
    articles = article_usd(args.paths.hnm_raw, statistic)
    of_product = articles.groupby("product_key")["usd"]
    usd = dataset.table["product_key"].map(of_product.median())
    own = (dataset.table["dataset_source"] == "HNM").to_numpy()
    prices = usd[own]
    cents = (100 * prices / EUR_TO_USD).round(2)
    keys = dataset.table["product_key"][own]
    several = of_product.agg(["size", "min", "max"]).loc[keys]
    several = several[several["size"] > 1]
    table = dataset.table.assign(price_usd=usd.where(own, dataset.table["price_usd"]))
    facts = {
        "on_grid": float((cents % 100 == 99).mean()),
        "colours_agree": float((several["max"] - several["min"] < CENT).mean()),
        "median_usd": float(prices.median()),
    }
    return replace(dataset, table=table), facts


def article_usd(folder: Path, statistic: str = "median") -> pd.DataFrame:
    """H&M's usable articles with a price: ``article_id, product_key, usd``.

    ``folder``: that of the H&M download; ``statistic``: see :func:`article_prices`.
    """
    prices, _ = article_prices(folder / "transactions_train.csv", statistic)
    articles = read_articles(folder).merge(prices, on="article_id")
    articles = articles[articles["problem"] == ""]
    keys = "HNM:" + articles["product_code"]
    usd = articles["price"] * HNM_TO_EUR * EUR_TO_USD
    return pd.DataFrame({"article_id": articles["article_id"], "product_key": keys, "usd": usd})


def main() -> None:
    measure(cli.parse(cli.parser(__doc__)))


if __name__ == "__main__":
    cli.run(main)
