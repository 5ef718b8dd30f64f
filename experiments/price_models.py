"""Any of the price models by name, on any rows: what measurements of prices share.

A measurement (leak, ablation, target) changes one thing and fits the same models; each writes rows
of the same columns.
"""

import argparse
import time
from dataclasses import dataclass, replace

import numpy as np
import torch

from common import dataset as data
from common import metrics
from common.dataset import Dataset
from common.prices import features as pricing
from common.prices import recipes as price_recipes
from common.prices.trees import TUNED, Trees
from common.runtime import seed_everything

NETWORKS = {price_recipes.NAMES[name]: fit for name, fit in price_recipes.RECIPES.items()}


@dataclass(frozen=True)
class Priced:
    """What a fitted model says of the test rows, in USD; the rows it learned from; the cost."""

    usd: np.ndarray
    learned: np.ndarray
    fit_seconds: float
    epochs: int | None = None


def fit(
    name: str,
    dataset: Dataset,
    columns: list[str],
    sides: tuple[np.ndarray, np.ndarray, np.ndarray],
    seed: int,
    device: torch.device,
) -> Priced:
    """Fits ``Advanced MLP``, ``Price Ensemble``, ``LightGBM``, ``XGBoost`` or ``Ridge``.

    columns: what of the table stands beside the embeddings; sides: training, validation and test
    rows. Only the Advanced MLP keeps validation rows back, to be stopped by them.
    """
    train, validation, test = sides
    learn = np.concatenate([train, validation])
    encoder = pricing.PriceFeatures.fit(dataset, learn, columns)
    matrix = encoder.matrix(dataset.table, dataset.image, dataset.text)
    seed_everything(seed)
    if name in NETWORKS:
        started = time.perf_counter()
        model, history, learned = NETWORKS[name](
            encoder, matrix, dataset.table, train, validation, seed, device
        )
        seconds = time.perf_counter() - started
        return Priced(model.predict_matrix(matrix[test], device), learned, seconds, history.epochs)
    started = time.perf_counter()
    usd = dataset.table["price_usd"].to_numpy()
    if name == "Ridge":
        from sklearn.linear_model import Ridge

        model = Ridge(1.0)
    else:
        model = Trees(name, TUNED[name], encoder.widths, seed)
    model.fit(matrix[learn], usd[learn])
    seconds = time.perf_counter() - started
    return Priced(model.predict(matrix[test]), learn, seconds)


def scores(dataset: Dataset, test: np.ndarray, priced: Priced) -> dict:
    """The columns of a measurement's row that say how good and how dear a fit was."""
    truth = dataset.table.iloc[test]
    found = metrics.regression(truth["price_usd"], priced.usd, truth["dataset_source"])
    kept = ("r2", "r2_hnm", "r2_fashion", "mae", "mdape")
    return {
        "n_train": len(priced.learned),
        "n_test": len(test),
        **{name: found[name] for name in kept},
        "fit_seconds": priced.fit_seconds,
    }


def load(args: argparse.Namespace, split: str = "grouped", clusters: bool = False) -> Dataset:
    """The data set of a measurement, whose command line has no flags of the price stages."""
    wanted = argparse.Namespace(**vars(args))
    wanted.split, wanted.experiment = split, ["cluster"] if clusters else []
    return pricing.load(wanted)


def without(dataset: Dataset, image: bool = False, text: bool = False) -> Dataset:
    """The same products, of which a model sees no picture or no text."""
    return replace(
        dataset,
        image=dataset.image[:, :0] if image else dataset.image,
        text=dataset.text[:, :0] if text else dataset.text,
    )


def sides(dataset: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return data.sides(dataset.table)
