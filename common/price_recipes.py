"""The two ways to train a price network: the study's and ours."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from common.networks import AdvancedMLP, TwoHeadedMLP
from common.price_model import PriceModel
from common.pricing import Encoder
from common.training import History, TrainConfig, fit, tensor_batches

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

OURS = TrainConfig(epochs=20, batch_size=256, lr=3e-3, weight_decay=0.05, schedule="onecycle")
# Few rows come in smaller batches, so that an epoch keeps enough steps to learn from.
FEWEST_STEPS, SMALLEST_BATCH = 30, 16
OURS_WIDTHS, OURS_DROPOUT = (512, 256), 0.2


def study(
    encoder: Encoder,
    matrix: np.ndarray,
    usd: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    seed: int,
    device: torch.device,
) -> tuple[PriceModel, History, np.ndarray]:
    """Trains the Advanced MLP on squared error in USD; validation rows stop it.

    matrix: float32 (n_rows, n_features) of :meth:`Encoder.matrix`; usd: float32 (n_rows,);
    train, validation: row numbers. Returns model, history and the rows that it learned from.
    """
    model = PriceModel.build(encoder, matrix[train], AdvancedMLP)
    prices = torch.from_numpy(usd)
    batches = [
        tensor_batches((model.tensor(matrix[rows]),), prices[rows], STUDY.batch_size, shuffle, seed)
        for rows, shuffle in ((train, True), (validation, False))
    ]
    history = fit(
        model.network, *batches, functional.mse_loss, STUDY, device, progress="Advanced MLP"
    )
    return model, history, train


def ours(
    encoder: Encoder,
    matrix: np.ndarray,
    usd: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    seed: int,
    device: torch.device,
) -> tuple[PriceModel, History, np.ndarray]:
    """Trains the two-headed MLP for a fixed number of epochs, so on validation rows as well.

    Arguments and results as in :func:`study`.
    """
    rows = np.concatenate([train, validation])
    prices = torch.from_numpy(usd[rows])
    log_scale, usd_scale = _scale(prices.log()), _scale(prices)
    model = PriceModel.build(
        encoder,
        matrix[rows],
        TwoHeadedMLP,
        widths=OURS_WIDTHS,
        dropout=OURS_DROPOUT,
        log_scale=log_scale,
        usd_scale=usd_scale,
    )
    targets = {
        "log": (prices.log() - log_scale[0]) / log_scale[1],
        "usd": (prices - usd_scale[0]) / usd_scale[1],
    }
    inputs = (model.tensor(matrix[rows]),)
    size = min(OURS.batch_size, max(SMALLEST_BATCH, len(rows) // FEWEST_STEPS))
    batches = tensor_batches(inputs, targets, size, True, seed)
    history = fit(model.network, batches, None, _two_losses, OURS, device, progress="two heads")
    return model, history, rows


def _scale(values: Tensor) -> tuple[float, float]:
    return float(values.mean()), float(values.std())


def _two_losses(outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
    # Huber: a mispriced odd product must not pull the many; squares: the mean price in dollars.
    log = functional.huber_loss(outputs["log"], targets["log"])
    return log + functional.mse_loss(outputs["usd"], targets["usd"])


RECIPES: dict[str, Callable] = {"study": study, "ours": ours}
