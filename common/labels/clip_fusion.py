"""The models of the CLIP Fusion stage: settings in use, the search space, networks on embeddings.

What `Classification_with_CLIP.py --tune` finds better belongs here.
"""

from dataclasses import asdict, replace
from functools import partial

import numpy as np

from common.dataset import Dataset
from common.embed.hashed_words import WIDTH, hashed
from common.labels.multitask import Model, array_batches
from common.labels.networks import ClipFusion, KernelFusion
from common.product_table import listing_text
from common.training import TrainConfig

NETWORK = {"widths": (512, 256), "dropout": 0.5, "modality_dropout": 0.2}
TRAINING = {"epochs": 12, "lr": 1e-3, "weight_decay": 0.01}
KERNEL = {"components": 192}  # of `KernelFusion`; chosen on validation rows of kaggle14k
WIDTHS = {"256": (256,), "512": (512,), "512-256": (512, 256), "1024-512": (1024, 512)}
IN_USE = {**NETWORK, **TRAINING, "widths": "-".join(map(str, NETWORK["widths"]))}
BATCH = 256
_batches = partial(array_batches, batch_size=BATCH)


def config(epochs: int, lr: float, weight_decay: float) -> TrainConfig:
    return TrainConfig(epochs, BATCH, lr, weight_decay, schedule="onecycle")


def settings() -> dict:
    """What the rows of the stage's table follow from."""
    train = asdict(config(**TRAINING))
    return {"train": train, "network": NETWORK, "kernel": KERNEL, "words": WIDTH}


def clip_fusion(image: np.ndarray, text: np.ndarray, criterion: str = "cross-entropy") -> Model:
    """CLIP Fusion of embeddings (n_rows, d), and its predictions without text, without photo."""
    build = partial(ClipFusion, image.shape[1], text.shape[1], **NETWORK)
    also = _incomplete("CLIP Fusion", image, text)
    return Model(
        "CLIP Fusion", build, _batches(image, text), config(**TRAINING), also, criterion=criterion
    )


def single_modality(fusion: Model) -> list[Model]:
    """The network of CLIP Fusion, trained on the image alone and on the text alone."""
    names = ("CLIP image only", "CLIP text only")
    return [
        replace(fusion, name=name, batches=batches, also={}, figures=False)
        for name, batches in zip(names, fusion.also.values(), strict=True)
    ]


def kernel_fusion(data: Dataset) -> Model:
    """The kernel machine on both embeddings and the words; it knows no other criterion."""
    words = hashed(listing_text(data.table))
    widths = [data.image.shape[1], data.text.shape[1], WIDTH]
    build, name = partial(KernelFusion, widths, **KERNEL), "CLIP Kernel Fusion"
    also = _incomplete(name, data.image, data.text, words)
    return Model(name, build, _batches(data.image, data.text, words), None, also)


def suggest(trial) -> tuple[dict, TrainConfig]:
    """Arguments of the network, and its training, for an Optuna trial."""
    network = {
        "widths": WIDTHS[trial.suggest_categorical("widths", tuple(WIDTHS))],
        "dropout": trial.suggest_float("dropout", 0.1, 0.7),
        "modality_dropout": trial.suggest_float("modality_dropout", 0.05, 0.4),
    }
    training = config(
        epochs=trial.suggest_int("epochs", 6, 36, log=True),
        lr=trial.suggest_float("lr", 3e-4, 5e-3, log=True),
        weight_decay=trial.suggest_float("weight_decay", 1e-3, 0.3, log=True),
    )
    return network, training


def suggest_model(fusion: Model, trial) -> Model:
    """`fusion` with the settings of an Optuna trial."""
    network, training = suggest(trial)
    return replace(fusion, build=partial(fusion.build, **network), config=training)


def _incomplete(name: str, image: np.ndarray, text: np.ndarray, *words: np.ndarray) -> dict:
    """`Model.also` of listings without text, then without photo: rows of NaN stand for either."""
    no_image, no_text = (np.full_like(embedding, np.nan) for embedding in (image, text))
    return {
        f"{name}, no text": _batches(image, no_text, *words),
        f"{name}, no photo": _batches(no_image, text, *words),
    }
