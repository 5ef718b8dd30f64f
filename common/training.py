"""The PyTorch training loop of every stage: AMP, early stopping, schedules, the best epoch kept.

A model takes tensors and returns one or a dictionary of them; a loss (outputs, targets) -> mean.
"""

import copy
import json
import math
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from operator import itemgetter
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from common.artifacts import StageError, atomic, write_json
from common.runtime import Progress


@dataclass(frozen=True)
class TrainConfig:
    """How to train; `lr` is the peak under `onecycle`, which steps per batch."""

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float = 0.0
    optimizer: str = "adamw"  # adamw | adam
    schedule: str = "none"  # none | plateau | onecycle
    plateau_factor: float = 0.5
    plateau_patience: int = 5
    patience: int | None = None  # epochs without a better monitor before stopping
    grad_clip: float | None = None  # largest gradient norm
    amp: bool = True  # mixed precision, where the device computes in it
    compiled: bool = False  # by torch.compile: pays where an epoch takes seconds, not before


@dataclass
class History:
    """What happened: losses per epoch (mean over rows), the epoch kept (from 1), the time."""

    epochs: int = 0
    best_epoch: int = 0
    best: float = math.inf
    seconds: float = 0.0
    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)


@dataclass
class TensorBatches:
    """Batches of tensors of n rows in memory, to be iterated again and again: (inputs, targets).

    With `shuffle` every pass has another order, which depends on `seed` and the number of the pass
    only. targets: None where the batches are for prediction.
    """

    inputs: tuple[Tensor, ...]
    targets: Tensor | dict[str, Tensor] | None
    batch_size: int
    shuffle: bool
    seed: int
    epoch: int = 0

    def __post_init__(self):
        rows = len(self.inputs[0])
        if rows == 0:
            raise StageError("there are no rows to batch: check --limit and the split")
        self.bounds = [*range(0, rows, self.batch_size), rows]
        # A training batch of one row has no variance for batch norm: it joins its neighbour.
        if self.shuffle and len(self.bounds) > 2 and rows - self.bounds[-2] == 1:
            del self.bounds[-2]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __iter__(self):
        order = torch.arange(self.bounds[-1])
        if self.shuffle:
            generator = torch.Generator().manual_seed(self.seed * 100_003 + self.epoch)
            order = torch.randperm(len(order), generator=generator)
            self.epoch += 1
        for start, end in pairwise(self.bounds):
            select = itemgetter(order[start:end])
            yield _map(select, self.inputs), _map(select, self.targets)


def fit(
    model: nn.Module,
    train_batches: Iterable,
    val_batches: Iterable | None,
    loss: Callable,
    config: TrainConfig,
    device: torch.device,
    monitor: Callable | None = None,
    progress: str = "",
    checkpoint: Path | None = None,
) -> History:
    """Train `model` in place and leave it in evaluation mode with its best epoch's weights.

    Args:
        train_batches, val_batches: re-iterables of (inputs, targets). None: keep the last epoch.
        monitor: (outputs, targets) over the whole validation set on the CPU -> float, lower is
            better; the validation loss if None. Decides on the epoch, on stopping and on plateaus.
        progress: label of the progress bar; none if empty.
        checkpoint: file of the last finished epoch, from which an interrupted call goes on.

    Networks compute in mixed precision where the device does; losses are taken in float32.
    """
    model.to(device)
    forward = torch.compile(model) if config.compiled else model  # shares the weights
    parameters = [p for p in model.parameters() if p.requires_grad]
    kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[config.optimizer]
    optimizer = kind(parameters, lr=config.lr, weight_decay=config.weight_decay, fused=True)
    scheduler = None
    if config.schedule == "plateau":
        rule = {"factor": config.plateau_factor, "patience": config.plateau_patience}
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **rule)
    elif config.schedule == "onecycle":
        steps = config.epochs * len(train_batches)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.lr, total_steps=steps)
    amp_dtype = mixed_precision(device) if config.amp else None
    scaler = torch.amp.GradScaler(device.type, enabled=amp_dtype == torch.float16)
    history, best_state = History(), None
    state = model, optimizer, scheduler, config
    if checkpoint is not None and checkpoint.exists():
        history, best_state = _resume(checkpoint, *state)
        if hasattr(train_batches, "epoch"):  # what the order of the rows follows from
            train_batches.epoch = history.epochs

    def train_epoch(bar: Progress) -> float:
        """One pass over the training rows; returns their mean loss."""
        model.train()
        total = rows = 0
        for inputs, targets in train_batches:
            inputs, targets = _to(inputs, device), _to(targets, device)
            with torch.autocast(device.type, dtype=amp_dtype, enabled=amp_dtype is not None):
                outputs = forward(*inputs)
            value = loss(_map(Tensor.float, outputs), targets)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(value).backward()
            if config.grad_clip is not None:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(parameters, config.grad_clip)
            scaler.step(optimizer)
            scaler.update()
            if config.schedule == "onecycle":
                scheduler.step()
            total += value.detach() * len(inputs[0])
            rows += len(inputs[0])
            bar.update(0)
        return float(total) / rows

    patience = config.patience or config.epochs
    with Progress((), progress, config.epochs, "epochs", bool(progress), history.epochs) as bar:
        while history.epochs < min(config.epochs, history.best_epoch + patience):
            started = time.perf_counter()
            history.train_loss.append(train_epoch(bar))
            if not math.isfinite(history.train_loss[-1]):
                where = f"training {type(model).__name__} diverged in epoch {history.epochs + 1}"
                raise StageError(f"{where} (loss is not finite): use a lower learning rate")
            history.epochs += 1
            if val_batches is None:
                history.best_epoch = history.epochs
            else:
                outputs, targets = _outputs(model, val_batches, device)
                history.val_loss.append(float(loss(outputs, targets)))
                watched = float(monitor(outputs, targets)) if monitor else history.val_loss[-1]
                if watched < history.best:
                    history.best, history.best_epoch = watched, history.epochs
                    best_state = copy.deepcopy(model.state_dict())
                if config.schedule == "plateau":
                    scheduler.step(watched)
            history.seconds += time.perf_counter() - started
            if checkpoint is not None:
                _save_checkpoint(checkpoint, history, best_state, *state)
            bar.update(1, f"loss {history.train_loss[-1]:.4g}, best {history.best:.4g}")
    if best_state is not None:
        model.load_state_dict(best_state)
    model.eval()
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return history


def predict(model: nn.Module, batches: Iterable, device: torch.device):
    """Outputs for all rows of `batches`, in order: a float32 array, or a dictionary of them."""
    model.to(device)
    return _map(lambda t: t.numpy(), _outputs(model, batches, device)[0])


def save_model(model: nn.Module, path: Path, config: dict) -> None:
    """Write weights to `path` (safetensors) and `config`, what rebuilds the module, beside it."""
    weights = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    with atomic(path) as temporary:
        temporary.write_bytes(save(weights))  # unlike save_file: errno of a full disk, usual mode
    write_json(config, path.with_suffix(".json"))


def read_config(path: Path) -> dict:
    """The `config` that `save_model` wrote beside `path`."""
    path = path.with_suffix(".json")
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StageError(f"{path} cannot be read: train the model again") from error


def load_state(model: nn.Module, path: Path) -> nn.Module:
    """Load weights that `save_model` wrote into `model`; every name and shape must agree."""
    try:
        model.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise StageError(f"{path} does not hold this model ({reason}): train it again") from error
    return model


def _map(function: Callable, value):
    """The function of a tensor, of all in a tuple or dictionary, or None of None."""
    if isinstance(value, dict):
        return {name: function(tensor) for name, tensor in value.items()}
    if isinstance(value, tuple | list):
        return tuple(map(function, value))
    return None if value is None else function(value)


def _to(value, device: torch.device):
    def move(tensor: Tensor) -> Tensor:
        # From pageable memory a copy to the GPU blocks, whatever non_blocking says.
        if device.type == "cuda" and tensor.device.type == "cpu" and not tensor.is_pinned():
            tensor = tensor.pin_memory()
        return tensor.to(device, non_blocking=True)

    return _map(move, value)


def concatenate(parts: Sequence):
    """Batches as one: of tensors, of dictionaries of them, or None where there are none."""
    if isinstance(parts[0], dict):
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return None if parts[0] is None else torch.cat(parts)


@torch.inference_mode()
def _outputs(model, batches, device):
    # In float32 throughout: bfloat16 has three digits, too few for a price.
    model.eval()
    pairs = [
        (_map(lambda t: t.float().cpu(), model(*_to(inputs, device))), targets)
        for inputs, targets in batches
    ]
    return tuple(map(concatenate, zip(*pairs, strict=True)))


def seed_everything(seed: int) -> None:
    """Seeds Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries that take no generator draw from this one
    torch.manual_seed(seed)


def torch_device(name: str) -> torch.device:
    """The device that ``--device`` names; ``auto`` takes CUDA where there is one."""
    gpu = torch.cuda.is_available()
    if name == "cuda" and not gpu:
        raise StageError("--device cuda: torch sees no GPU here; use --device cpu or auto")
    return torch.device({"auto": "cuda" if gpu else "cpu"}.get(name, name))


def mixed_precision(device: torch.device) -> torch.dtype | None:
    """The type to autocast to on `device`; None where float32 is as fast."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float16
    # Without instructions for it bfloat16 is emulated, several times slower than float32.
    return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else None


def _save_checkpoint(checkpoint, history, best_state, model, optimizer, scheduler, config):
    """One safetensors file, so that weights and counters can never disagree after a kill."""
    slots = optimizer.state_dict()
    tensors = {f"model.{name}": t for name, t in model.state_dict().items()}
    tensors |= {f"best.{name}": t for name, t in (best_state or {}).items()}
    for index, state in slots["state"].items():
        tensors |= {f"optimizer.{index}.{name}": t for name, t in state.items()}
    counters = {
        "history": asdict(history),
        "config": asdict(config),
        "groups": slots["param_groups"],
        "scheduler": scheduler.state_dict() if scheduler else None,
    }
    with atomic(checkpoint) as temporary:
        cloned = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
        temporary.write_bytes(save(cloned, {"state": json.dumps(counters)}))


def _resume(checkpoint, model, optimizer, scheduler, config):
    with safe_open(checkpoint, "pt") as file:
        counters = json.loads(file.metadata()["state"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if counters["config"] != asdict(config):
        return History(), None  # another recipe's checkpoint: start anew

    def part(prefix: str) -> dict[str, Tensor]:
        names = (name for name in tensors if name.startswith(prefix))
        return {name.removeprefix(prefix): tensors[name] for name in names}

    model.load_state_dict(part("model."))
    groups = counters["groups"]
    slots = {index: part(f"optimizer.{index}.") for index in groups[0]["params"]}
    optimizer.load_state_dict({"state": slots, "param_groups": groups})
    if scheduler:
        scheduler.load_state_dict(counters["scheduler"])
    return History(**counters["history"]), part("best.") or None
