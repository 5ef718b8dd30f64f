"""How CLIP Fusion is built and trained: the settings in use, and where a search for better ones is.

What `Classification_with_CLIP.py --tune` finds better belongs here. The kernel's settings were
chosen on validation rows of the study set.
"""

from common.training import TrainConfig

NETWORK = {"widths": (512, 256), "dropout": 0.5, "modality_dropout": 0.2}
TRAINING = {"epochs": 12, "lr": 1e-3, "weight_decay": 0.01}
KERNEL = {"components": 192}  # of `common.labels.networks.KernelFusion`
WIDTHS = {"256": (256,), "512": (512,), "512-256": (512, 256), "1024-512": (1024, 512)}
IN_USE = {**NETWORK, **TRAINING, "widths": "-".join(map(str, NETWORK["widths"]))}


def config(epochs: int, lr: float, weight_decay: float) -> TrainConfig:
    return TrainConfig(
        epochs=epochs, batch_size=256, lr=lr, weight_decay=weight_decay, schedule="onecycle"
    )


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
