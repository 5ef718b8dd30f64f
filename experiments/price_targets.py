"""Which price of H&M's sales is the target: median, mean, mode or a high quantile.

    python -m experiments.price_targets --data-dir data/kaggle14k --raw-dir PATH --seed 0 1 2

H&M publishes sales, many of them discounted, not price tags. The same products are learned with
each statistic as H&M's price. Two figures need no model: how many prices lie on H&M's grid (19.99),
and how many products get one price from all their colours, as their tags have it.

Reads   dataset_with_llm.csv, img_emb.npy, wrd_emb.npy, the H&M download's transactions
Writes  results/price_targets.csv
"""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from common import cli
from common.artifacts import RunConfig
from common.dataset import Dataset
from common.merge.currency import EUR_TO_USD, HNM_TO_EUR
from common.merge.sources import STATISTICS, article_prices, read_articles
from common.prices.features import EXPERIMENTS, PriceTask, feature_columns, load_products
from common.prices.fit import fit_price, score
from common.results import Results
from common.training import torch_device

KEY = ("statistic", "model", "seed")
MODELS = ("Ridge", "LightGBM", "Price Ensemble")
CENT = 0.01 * EUR_TO_USD


def article_usd(folder: Path, statistic: str = "median") -> pd.DataFrame:
    """H&M's usable articles, of the download at ``folder``: ``product_key, usd``."""
    prices, _ = article_prices(folder / "transactions_train.csv", statistic)
    articles = read_articles(folder).merge(prices, on="article_id").query("problem == ''")
    usd = articles["price"] * HNM_TO_EUR * EUR_TO_USD
    return pd.DataFrame({"product_key": "HNM:" + articles["product_code"], "usd": usd})


def with_statistic(run: RunConfig, dataset: Dataset, statistic: str) -> tuple[Dataset, dict]:
    """The products with another price of H&M's, and what this price is like.

    ``on_grid``: share of H&M's products whose price in EUR ends in 99 cents; ``colours_agree``: of
    those sold in several colours, share whose colours cost the same to the cent.
    """
    by_product = article_usd(run.paths.hnm_raw, statistic).groupby("product_key")["usd"]
    table = dataset.table
    usd = table["product_key"].map(by_product.median())
    hnm = (table["dataset_source"] == "HNM").to_numpy()
    cents = (100 * usd[hnm] / EUR_TO_USD).round(2)
    colours = by_product.agg(["size", "min", "max"]).loc[table["product_key"][hnm]]
    colours = colours[colours["size"] > 1]
    facts = {
        "on_grid": float((cents % 100 == 99).mean()),
        "colours_agree": float((colours["max"] - colours["min"] < CENT).mean()),
        "median_usd": float(usd[hnm].median()),
    }
    return replace(dataset, table=table.assign(price_usd=usd.where(hnm, table["price_usd"]))), facts


def main() -> None:
    run = cli.run_config(cli.parse(cli.parser(__doc__)))
    device = torch_device(run.device)
    dataset = load_products(run, clusters=False)
    results = Results(run.paths.results("price_targets"), run, dataset.inputs, KEY)
    columns = feature_columns(dataset.table, EXPERIMENTS["metadata"], "listing")
    for statistic in STATISTICS:
        products, facts = with_statistic(run, dataset, statistic)
        task = PriceTask.build(products, columns)
        hnm = products.table["dataset_source"].iloc[task.test].to_numpy() == "HNM"
        true = task.usd[task.test][hnm]
        for model, seed in product(MODELS, run.seed):
            row = {"statistic": statistic, "model": model, "seed": seed}
            if not results.done(**row):
                fit = fit_price(model, task, seed, device)
                row |= {**facts, "text": dataset.text_setting, **score(fit, task)}
                error = np.abs(fit.usd[hnm] - true)
                row |= {"mae_hnm": error.mean(), "mdape_hnm": np.median(error / true)}
                results.add(**row)
    results.finish()


if __name__ == "__main__":
    cli.run(main)
