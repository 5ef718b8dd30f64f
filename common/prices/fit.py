"""Fits and scores any price model by its name: for both price stages and the experiments."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor

from common import metrics
from common.artifacts import RunConfig
from common.dataset import Dataset, sides
from common.prices.features import EXPERIMENTS, PriceTask, feature_columns
from common.prices.recipes import RECIPES
from common.prices.trees import STUDY, TUNED, Trees
from common.results import Results, leaderboard
from common.runtime import Progress, hardware
from common.training import History, seed_everything, torch_device

ROW_KEY = ("experiment", "features", "model", "split", "seed")
GROUP_KEY = ("experiment", "features", "method", "split", "seed", "group")
BASELINE = "Median by source"
NETWORKS = dict(RECIPES.values())
PLAIN = {
    "LinearRegression": LinearRegression,
    "Ridge": partial(Ridge, 1.0),
    "kNN": partial(KNeighborsRegressor, 10, metric="cosine"),
}
STUDY_TREES = " (study)"  # after the name of a library: the study's settings


@dataclass(frozen=True)
class PriceFit:
    """A fitted price model (None: the baseline) and its predictions for the test rows.

    usd: (n_test,). learned: numbers of the rows that it learned from. interval: low and high end
    in USD, if the model has one. history: of a network.
    """

    usd: np.ndarray
    learned: np.ndarray
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0
    interval: tuple[np.ndarray, np.ndarray] | None = None
    model: object = None
    history: History | None = None


def fit_price(
    name: str, task: PriceTask, seed: int, device: torch.device, compiled: bool = False
) -> PriceFit:
    """Fits a model and predicts the test rows.

    name: BASELINE, of PLAIN or NETWORKS, or a library of trees, also with STUDY_TREES behind. Only
    the Advanced MLP keeps validation rows back, to be stopped by them.
    """
    learn = task.learn
    if name == BASELINE:
        table = task.dataset.table
        medians = table.iloc[learn].groupby("dataset_source")["price_usd"].median()
        return PriceFit(table["dataset_source"].iloc[task.test].map(medians).to_numpy(), learn)
    seed_everything(seed)
    started, history, interval = time.perf_counter(), None, None
    if name in NETWORKS:
        model, history, learn = NETWORKS[name](task, seed, device, compiled)
        fitted = time.perf_counter()
        usd, interval = model.predict_interval(task.matrix(task.test), device)
    else:
        library = name.removesuffix(STUDY_TREES)
        settings = (TUNED if library == name else STUDY).get(library)
        plain = PLAIN.get(name)
        model = plain() if plain else Trees(library, settings, task.encoder.widths, seed)
        model.fit(task.matrix(learn), task.usd[learn])
        fitted = time.perf_counter()
        usd = model.predict(task.matrix(task.test))
    seconds = fitted - started, time.perf_counter() - fitted
    return PriceFit(usd, learn, *seconds, interval, model, history)


def fit_missing(
    run: RunConfig,
    dataset: Dataset,
    results: Results,
    names: list[str],
    experiments: list[str],
    feature_sets: list[str],
    compiled: bool = False,
) -> Iterator[tuple[dict, PriceTask, PriceFit]]:
    """Fits the models that the results table of a stage lacks: (row to be added, task, fit)."""
    missing, device, condition = [], torch_device(run.device), None
    for experiment, features, seed, name in product(experiments, feature_sets, run.seed, names):
        row = {"experiment": EXPERIMENTS[experiment], "features": features, "model": name}
        row |= {"split": run.split, "text": dataset.text_setting, "seed": seed}
        if not results.done(**row):
            missing.append(row)
    for row in Progress(missing, what="price models", unit="models"):
        if condition != (row["experiment"], row["features"]):
            condition = row["experiment"], row["features"]
            task = PriceTask.build(dataset, feature_columns(dataset.table, *condition))
        fit = fit_price(row["model"], task, row["seed"], device, compiled)
        yield row | {**score(fit, task), "device": hardware()}, task, fit


def score(fit: PriceFit, task: PriceTask) -> dict:
    """Numbers of rows, errors on the test side and seconds of a fit."""
    truth = task.dataset.table.iloc[task.test]
    return {
        "n_train": len(fit.learned),
        "n_test": len(task.test),
        **metrics.regression(truth["price_usd"], fit.usd, truth["dataset_source"]),
        "fit_seconds": fit.fit_seconds,
        "predict_seconds": fit.predict_seconds,
    }


def score_groups(
    table: pd.DataFrame, usd: np.ndarray, low: np.ndarray, high: np.ndarray
) -> Iterator[dict]:
    """Errors and coverage over all rows, of each source, gender, category and price decile.

    table: the products; usd, low, high: (n_rows,) in USD.
    """
    true = table["price_usd"].to_numpy()
    columns = ("dataset_source", "normalized_gender", "normalized_category")
    groupings = {"all": np.full(len(table), "all")}
    groupings |= {column.split("_")[-1]: table[column].to_numpy() for column in columns}
    deciles = np.digitize(true, np.quantile(true, np.arange(1, 10) / 10)) + 1
    groupings["price decile"] = deciles.astype(str)
    for grouping, groups in groupings.items():
        for group in sorted(set(groups), key=lambda name: (len(name), name)):
            rows = groups == group
            error = usd[rows] - true[rows]
            yield {
                "grouping": grouping,
                "group": str(group),
                "n": int(rows.sum()),
                "mae": float(np.abs(error).mean()),
                "mdape": float(np.median(np.abs(error) / true[rows])),
                "bias": float(error.mean()),
                **metrics.interval(true[rows], low[rows], high[rows]),
            }


def price_leaderboard(results: Results, dataset: Dataset) -> str:
    """R2, MAE and median error by experiment, features and model, means over seeds."""
    index, frame = ["experiment", "features", "model"], results.frame
    frame = frame[(frame["split"] == results.run.split) & (frame["experiment"] != "resale")]
    if BASELINE not in set(frame["model"]):
        task = PriceTask(dataset, None, *sides(dataset.table), None)
        baseline = score(fit_price(BASELINE, task, 0, None), task)
        runs = frame[index[:2]].drop_duplicates()
        frame = pd.concat([runs.assign(model=BASELINE, **baseline), frame])
    # Reversed, the alphabet's order is that of the stages; the baseline is the same for all.
    frame = frame.sort_values(index[:2], ascending=False, kind="stable")
    frame = frame[(frame["model"] != BASELINE) | ~frame.duplicated(["model", "n_test", "r2"])]
    columns = {"r2": ("R2", "{:.3f}"), "mae": ("MAE (USD)", "{:.2f}"), "mdape": ("MdAPE", "{:.1%}")}
    return leaderboard(frame, index, columns, "r2", baseline=BASELINE)


def slug(*parts: object) -> str:
    """A file name: ``("LightGBM", "metadata + embedding")`` -> ``LightGBM_metadata-embedding``."""
    return "_".join("-".join(str(part).replace("+", " ").split()) for part in parts)
