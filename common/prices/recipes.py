"""Training of the price networks: the study's Advanced MLP, the Price Ensemble."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import GroupKFold
from torch import Tensor
from torch.nn import functional

from common.kernel_ridge import MOST_LANDMARKS, KernelRidge
from common.prices.conformal import ConformalMargins
from common.prices.features import PriceTask, row_blocks
from common.prices.model import PREDICT_BATCH, PriceModel
from common.prices.networks import QUANTILES, AdvancedMLP, PriceEnsemble
from common.training import History, TensorBatches, TrainConfig, fit, predict

# The study: at most 300 epochs, stopped after 20 without a better validation loss, the rate
# halved after 7. In float32, which is what its 35 CPU minutes were measured with.
_PLATEAU = {"schedule": "plateau", "plateau_patience": 7, "patience": 20}
STUDY = TrainConfig(epochs=300, batch_size=256, lr=1e-3, optimizer="adam", amp=False, **_PLATEAU)

# Chosen on validation rows of the study set.
ENSEMBLE = TrainConfig(epochs=12, batch_size=512, lr=6e-3, weight_decay=0.05, schedule="onecycle")
# Few rows come in smaller batches, so that an epoch keeps enough steps to learn from.
FEWEST_STEPS, SMALLEST_BATCH = 13, 16
PINBALL_WEIGHT = 4.0
ENSEMBLE_NETWORK = {"members": 3, "widths": [128, 64], "dropout": 0.2, "missing": 0.1}
COMPONENTS = 192  # of an embedding
COLUMN_SPREAD = 0.6  # of a one-hot place in the kernel's distances; an embedding has 1


def fit_advanced_mlp(
    task: PriceTask, seed: int, device: torch.device, compiled: bool = False
) -> tuple[PriceModel, History, np.ndarray]:
    """Trains the Advanced MLP on squared error in USD; validation rows stop it.

    compiled: by torch.compile. Returns model, history and the rows that it learned from.
    """
    model = PriceModel.build(task, task.train, AdvancedMLP, inputs=sum(task.encoder.blocks))
    usd = torch.from_numpy(task.usd.astype(np.float32))
    size, config = STUDY.batch_size, replace(STUDY, compiled=compiled)
    batches = [
        TensorBatches((model.tensor(task.matrix(rows)),), usd[rows], size, shuffle, seed)
        for rows, shuffle in ((task.train, True), (task.validation, False))
    ]
    loss, label = functional.mse_loss, "Advanced MLP"
    history = fit(model.network, *batches, loss, config, device, progress=label)
    return model, history, task.train


def fit_ensemble(
    task: PriceTask, seed: int, device: torch.device, compiled: bool = False
) -> tuple[PriceModel, History, np.ndarray]:
    """Trains the Price Ensemble; no row stops it, so it learns from validation rows as well.

    Each member leaves out one fold of products, by whose predictions the interval is calibrated.
    Arguments and results as in :func:`fit_advanced_mlp`.
    """
    rows = task.learn
    usd = task.usd.astype(np.float32)[rows]
    fold = folds(task.dataset.table["group"].iloc[rows], ENSEMBLE_NETWORK["members"], seed)

    prices, targets, scales = torch.from_numpy(usd), {"fold": torch.from_numpy(fold)}, {}
    for name, values in (("log", prices.log()), ("usd", prices)):
        mean, deviation = scales[f"{name}_scale"] = float(values.mean()), float(values.std())
        targets[name] = (values - mean) / deviation
    arguments = {"embeddings": len(task.encoder.widths), "components": COMPONENTS, **scales}
    arguments |= {"network": ENSEMBLE_NETWORK, "landmarks": min(len(rows), MOST_LANDMARKS)}
    blocks, spans = task.encoder.blocks, list(row_blocks(rows))
    model = PriceModel.build(task, rows, PriceEnsemble, blocks=blocks, **arguments)
    ensemble, scale = model.network, torch.from_numpy(model.scale)
    spreads = ensemble.reduce.fit((model.tensor(task.matrix(span)) for span in spans), scale)
    reduced = torch.empty(len(rows), sum(ensemble.blocks))
    with torch.no_grad():
        for span, part in zip(spans, reduced.split([len(s) for s in spans]), strict=True):
            part.copy_(ensemble.reduce(model.tensor(task.matrix(span))))
    batches = TensorBatches((reduced,), targets, _batch_size(len(rows)), True, seed)
    config, network = replace(ENSEMBLE, compiled=compiled), ensemble.network
    history = fit(network, batches, None, _packed_loss, config, device, progress="Price Ensemble")
    feature_scale = torch.cat([*spreads, COLUMN_SPREAD * scale[sum(task.encoder.widths) :]])
    both = torch.stack([targets["log"], targets["usd"]], dim=1)
    ensemble.kernel, in_sample = KernelRidge.fit(
        reduced, ensemble.blocks, feature_scale, both, targets["fold"], seed
    )

    batches = TensorBatches((reduced,), None, PREDICT_BATCH, False, 0)
    outputs = ensemble.combine(predict(network, batches, device), in_sample.numpy())
    left_out = np.arange(len(rows)), fold
    low, _, high = ensemble.quantiles(outputs)[left_out].T
    model.margins = ConformalMargins.calibrate(usd, ensemble.prices(outputs)[left_out], low, high)
    return model, history, rows


def folds(groups: pd.Series, members: int, seed: int) -> np.ndarray:
    """The member that leaves out each row (n_rows,); a group of products is left out together."""
    fold = np.empty(len(groups), np.int64)
    parts = GroupKFold(members, shuffle=True, random_state=seed)
    codes = groups.factorize()[0]  # of strings it is slow
    for number, (_, left_out) in enumerate(parts.split(codes, groups=codes)):
        fold[left_out] = number
    return fold


def _batch_size(rows: int) -> int:
    # Nearly equal batches: a last one of few rows spoils a step through batch norm (measured: 6
    # rows in 509 cost 0.03 of R2).
    steps = max(-(-rows // ENSEMBLE.batch_size), min(FEWEST_STEPS, -(-rows // SMALLEST_BATCH)))
    return -(-rows // steps)


def _packed_loss(outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
    # Quantiles of the log price: a mispriced odd product must not pull the many. Squares: the
    # mean price in dollars.
    level = torch.tensor(QUANTILES, device=outputs["log"].device)
    error = targets["log"][:, None, None] - outputs["log"]
    pinball = torch.maximum(level * error, (level - 1) * error).mean(dim=2) * PINBALL_WEIGHT
    squares = (targets["usd"][:, None] - outputs["usd"]).square()
    members = torch.arange(squares.shape[1], device=squares.device)
    learns = targets["fold"][:, None] != members
    return ((pinball + squares) * learns).sum() / learns.sum()


# --recipe -> the model's name in every table, and its fit.
RECIPES: dict[str, tuple[str, Callable]] = {
    "study": ("Advanced MLP", fit_advanced_mlp),
    "ensemble": ("Price Ensemble", fit_ensemble),
}
