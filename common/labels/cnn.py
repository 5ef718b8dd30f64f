"""The two CNN stages: heads on a frozen backbone's features, or a backbone fine-tuned on photos."""

import copy
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from common.artifacts import RunConfig, StageError
from common.dataset import Dataset
from common.embed.encoders import ImageTower, image_features
from common.embed.images import Pixels, decode, worker_count
from common.embed.models import load_cnn
from common.labels.multitask import Model, array_batches, run_models
from common.labels.tuning import network_objective, search
from common.runtime import let_others_first
from common.training import TrainConfig, torch_device

FROZEN = TrainConfig(epochs=60, batch_size=256, lr=1e-3, weight_decay=0.01, patience=8)
HEAD = {"hidden": 512, "dropout": 0.3}
IN_USE = {"lr": FROZEN.lr, "weight_decay": FROZEN.weight_decay, **HEAD}
FINETUNED = TrainConfig(
    epochs=5, batch_size=32, lr=3e-4, weight_decay=0.05, schedule="onecycle", grad_clip=1.0
)


def run_cnn(
    run: RunConfig,
    stage: str,
    data: Dataset,
    name: str,
    network: Callable[..., nn.Module],
    *others: np.ndarray,
    criterion: str = "cross-entropy",
    finetune: bool = False,
    trials: int | None = None,
) -> None:
    """Train and score a CNN by the classification protocol, frozen or fine-tuned.

    Args:
        network: (n_features, classes, backbone or None) -> module that takes an image, or its
            features without a backbone, and one row of each of `others` (n_rows, d).
        trials: only look for settings of the frozen backbone's head, so many times.
    """
    if trials and finetune:
        raise StageError("--tune looks for settings of the frozen backbone: leave out --finetune")
    backbone = load_cnn(run.preset, run.cnn, torch_device(run.device))
    files = [run.paths.raw / path for path in data.table["image_path"]]
    if finetune:
        # Each fit begins with the pretrained weights.
        model = Model(
            f"{name}, fine-tuned",
            lambda classes: network(backbone.dim, classes, backbone=copy.deepcopy(backbone.module)),
            partial(PhotoBatches, files, Pixels(backbone.preprocess), others),
            FINETUNED,
            criterion=criterion,
            resumable=True,
        )
    else:
        tower = ImageTower(backbone.module, backbone.preprocess, backbone.identity)
        features, broken = image_features(run.paths.cache, files, tower)
        if broken:
            raise StageError(f"{files[min(broken)]} cannot be decoded any more; run with --force")
        batches = array_batches(features, *others, batch_size=FROZEN.batch_size)

        def frozen(head: dict, config: TrainConfig) -> Model:
            build = partial(network, backbone.dim, **head)
            return Model(name, build, batches, config, criterion=criterion)

        if trials:
            objective = network_objective(run.device, lambda t: frozen(*suggest(t)), criterion)
            search(run, stage, data, trials, name, objective, IN_USE)
            return
        model = frozen(HEAD, FROZEN)
    # Both recipes, so that the rows of one stay where the other is run.
    recipes = {"frozen": {**asdict(FROZEN), **HEAD}, "fine-tuned": asdict(FINETUNED)}
    run_models(run, stage, data, [model], {"backbone": backbone.identity, **recipes})


def suggest(trial) -> tuple[dict, TrainConfig]:
    """Settings of a head on frozen features, and of its training, for an Optuna trial."""
    head = {
        "hidden": trial.suggest_categorical("hidden", (256, 512, 1024)),
        "dropout": trial.suggest_float("dropout", 0.1, 0.7),
    }
    lr = trial.suggest_float("lr", 2e-4, 5e-3, log=True)
    weight_decay = trial.suggest_float("weight_decay", 1e-3, 0.3, log=True)
    return head, replace(FROZEN, lr=lr, weight_decay=weight_decay)


class PhotoBatches(DataLoader):
    """Re-iterable batches of photos read from disk: ((photos, *others), targets).

    Photos are float (n, 3, height, width), normalised. In training (`shuffle`) each is flipped and
    cropped at random, in another order every pass, by `seed` and the number of the pass only.
    """

    def __init__(self, files, pixels: Pixels, others, rows, targets, shuffle: bool, seed: int):
        self.shuffle, self.seed, self.epoch, self.pixels = shuffle, seed, 0, pixels
        size, shape = (pixels.height, pixels.width), pixels.width / pixels.height
        crop = v2.RandomResizedCrop(size, (0.7, 1.0), (0.9 * shape, 1.1 * shape))
        augment = v2.Compose([v2.RandomHorizontalFlip(), crop]) if shuffle else nn.Identity()
        super().__init__(
            range(len(rows)),
            FINETUNED.batch_size,
            shuffle=shuffle,
            collate_fn=partial(_load, files, pixels, augment, others, rows, targets or {}),
            # A batch of one row has no variance for batch norm.
            drop_last=shuffle and len(rows) > FINETUNED.batch_size,
            generator=torch.Generator(),
            num_workers=worker_count(len(rows)),
            worker_init_fn=let_others_first,
            pin_memory=torch.cuda.is_available(),
        )

    def __iter__(self):
        self.generator.manual_seed(self.seed * 100_003 + self.epoch)
        self.epoch += self.shuffle
        for (photos, *others), targets in super().__iter__():
            photos = self.pixels.normalise(photos, torch.device("cpu"))
            yield (photos, *others), targets or None


def _load(files, pixels, augment, others, rows, targets, batch):
    """The batch of these positions in `rows`: ((pixels, *others), targets)."""
    photos = torch.stack([augment(decode(files[rows[position]], pixels)) for position in batch])
    others = (torch.from_numpy(np.asarray(part[rows[batch]], np.float32)) for part in others)
    return (photos, *others), {task: y[batch] for task, y in targets.items()}
