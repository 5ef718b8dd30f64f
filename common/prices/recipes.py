"""The two ways to train a price network: the study's and ours."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from common.kernel_ridge import MOST_LANDMARKS, KernelRidge
from common.prices.conformal import ConformalMargins
from common.prices.features import PriceFeatures
from common.prices.model import PREDICT_BATCH, Matrix, PriceModel, blocks
from common.prices.networks import QUANTILES, AdvancedMLP, PriceEnsemble
from common.training import History, TensorBatches, TrainConfig, fit, predict

# The study: at most 300 epochs, stopped after 20 without a better validation loss, the rate
# halved after 7. In float32, which is what its 35 CPU minutes were measured with.
STUDY = TrainConfig(
    epochs=300,
    batch_size=256,
    lr=1e-3,
    optimizer="adam",
    schedule="plateau",
    plateau_factor=0.5,
    plateau_patience=7,
    patience=20,
    amp=False,
)

# Chosen on validation rows of the study set, see the README.
ENSEMBLE = TrainConfig(epochs=12, batch_size=512, lr=6e-3, weight_decay=0.05, schedule="onecycle")
# Few rows come in smaller batches, so that an epoch keeps enough steps to learn from.
FEWEST_STEPS, SMALLEST_BATCH = 13, 16
PINBALL_WEIGHT = 4.0
ENSEMBLE_NETWORK = {"members": 3, "widths": [128, 64], "dropout": 0.2, "missing": 0.1}
COMPONENTS = 192  # of an embedding
COLUMN_SPREAD = 0.6  # of a one-hot place in the kernel's distances; an embedding has 1


def fit_advanced_mlp(
    encoder: PriceFeatures,
    matrix: Matrix,
    table: pd.DataFrame,
    train: np.ndarray,
    validation: np.ndarray,
    seed: int,
    device: torch.device,
    compiled: bool = False,
) -> tuple[PriceModel, History, np.ndarray]:
    """Trains the Advanced MLP on squared error in USD; validation rows stop it.

    matrix: rows of :meth:`PriceFeatures.matrix` by number; table: its products, of which
    ``price_usd`` and ``group`` are read; train, validation: row numbers; compiled: by
    torch.compile. Returns model, history and the rows that it learned from.
    """
    model = PriceModel.build(encoder, matrix, train, AdvancedMLP, inputs=sum(encoder.blocks))
    prices = torch.from_numpy(table["price_usd"].to_numpy(np.float32))
    batches = [
        TensorBatches((model.tensor(matrix[rows]),), prices[rows], STUDY.batch_size, shuffle, seed)
        for rows, shuffle in ((train, True), (validation, False))
    ]
    config = replace(STUDY, compiled=compiled)
    history = fit(
        model.network, *batches, functional.mse_loss, config, device, progress="Advanced MLP"
    )
    return model, history, train


def fit_ensemble(
    encoder: PriceFeatures,
    matrix: Matrix,
    table: pd.DataFrame,
    train: np.ndarray,
    validation: np.ndarray,
    seed: int,
    device: torch.device,
    compiled: bool = False,
) -> tuple[PriceModel, History, np.ndarray]:
    """Trains networks and kernel machines; no row stops them, so on validation rows as well.

    Each member of the ensemble leaves out one fold of products, and what it says of that fold
    calibrates the range. Arguments and results as in :func:`fit_advanced_mlp`.
    """
    rows = np.concatenate([train, validation])
    usd = table["price_usd"].to_numpy(np.float32)[rows]
    fold = folds(table["group"].iloc[rows], ENSEMBLE_NETWORK["members"], seed)

    prices = torch.from_numpy(usd)
    log_scale, usd_scale = _scale(prices.log()), _scale(prices)
    model = PriceModel.build(
        encoder,
        matrix,
        rows,
        PriceEnsemble,
        blocks=encoder.blocks,
        embeddings=len(encoder.widths),
        components=COMPONENTS,
        network=ENSEMBLE_NETWORK,
        landmarks=min(len(rows), MOST_LANDMARKS),
        log_scale=log_scale,
        usd_scale=usd_scale,
    )
    ensemble, scale = model.network, torch.from_numpy(model.scale)
    spreads = ensemble.reduce.fit((model.tensor(matrix[some]) for some in blocks(rows)), scale)
    reduced, start = torch.empty(len(rows), sum(ensemble.blocks)), 0
    for some in blocks(rows):
        with torch.no_grad():
            reduced[start : start + len(some)] = ensemble.reduce(model.tensor(matrix[some]))
        start += len(some)
    targets = {
        "log": (prices.log() - log_scale[0]) / log_scale[1],
        "usd": (prices - usd_scale[0]) / usd_scale[1],
        "fold": torch.from_numpy(fold),
    }
    batches = TensorBatches((reduced,), targets, _batch_size(len(rows)), True, seed)
    config = replace(ENSEMBLE, compiled=compiled)
    history = fit(
        ensemble.network, batches, None, _packed_loss, config, device, progress="ensemble"
    )
    ensemble.kernel, in_sample = KernelRidge.fit(
        reduced,
        ensemble.blocks,
        torch.cat([*spreads, COLUMN_SPREAD * scale[sum(encoder.widths) :]]),
        torch.stack([targets["log"], targets["usd"]], dim=1),
        targets["fold"],
        seed,
    )

    made = predict(
        ensemble.network, TensorBatches((reduced,), None, PREDICT_BATCH, False, 0), device
    )
    outputs = ensemble.combine(made, in_sample.numpy())
    unseen = np.arange(len(rows)), fold
    low, _, high = ensemble.quantiles(outputs)[unseen].T
    priced = ensemble.prices(outputs)[unseen]
    model.margins = ConformalMargins.calibrate(usd, priced, low, high)
    return model, history, rows


def folds(groups: pd.Series, members: int, seed: int) -> np.ndarray:
    """The member that leaves out each row (n_rows,); a group of products is left out together."""
    from sklearn.model_selection import GroupKFold  # not before a network is fitted

    fold = np.empty(len(groups), np.int64)
    parts = GroupKFold(members, shuffle=True, random_state=seed)
    codes = groups.factorize()[0]  # of strings it is slow
    for number, (_, left_out) in enumerate(parts.split(codes, groups=codes)):
        fold[left_out] = number
    return fold


def _batch_size(rows: int) -> int:
    # All batches as good as equal: a last one of a few rows, through batch norm, spoils a step
    # (measured: 6 rows in 509 cost 0.03 of R2).
    steps = max(-(-rows // ENSEMBLE.batch_size), min(FEWEST_STEPS, -(-rows // SMALLEST_BATCH)))
    return -(-rows // steps)


def _scale(values: Tensor) -> tuple[float, float]:
    return float(values.mean()), float(values.std())


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


RECIPES: dict[str, Callable] = {"study": fit_advanced_mlp, "ensemble": fit_ensemble}
NAMES = {
    "study": "Advanced MLP",
    "ensemble": "Price Ensemble",
}  # as every table calls what they train
