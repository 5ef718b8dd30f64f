"""A small network over the words of a listing; a better condition never lowers its price."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from common import training
from common.training import History, TrainConfig
from resale.ridge import ANCHOR, N_STEPS, Sparse

WIDTH, DROPOUT = 64, 0.2
UNGRADED = 0.1  # share of training rows whose condition is withheld
HUBER = 1.0  # deviations of a platform's prices, from which on an error counts linearly
PREDICT_BATCH = 4096
# Chosen on validation rows; a third epoch learns the rows by heart.
CONFIG = TrainConfig(2, 256, 4e-3, optimizer="adam", schedule="onecycle", amp=False)


class SparseNetwork(nn.Module):
    """Sums of word embeddings, a platform's embedding and numbers -> standardised log price.

    Beside the layers there is a weight for each word, and a head for each platform.
    """

    def __init__(self, words: int, platforms: int):
        super().__init__()
        self.arguments = {"words": words, "platforms": platforms}
        self.words = nn.EmbeddingBag(words, WIDTH, mode="sum")
        self.word_weights = nn.EmbeddingBag(words, 1, mode="sum")
        self.platform = nn.Embedding(platforms, WIDTH)
        self.numbers = nn.Linear(2, WIDTH)
        self.enter = nn.PReLU()
        self.hidden = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.PReLU(), nn.Dropout(DROPOUT))
        self.last = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.PReLU())
        self.head = nn.Linear(WIDTH, 1)
        self.platform_head = nn.Embedding(platforms, WIDTH)
        self.unknown_grade = nn.Linear(WIDTH, 1)
        self.steps = nn.Linear(WIDTH, N_STEPS)
        self.platform_steps = nn.Embedding(platforms, N_STEPS)
        for layer in (self.words, self.platform):
            nn.init.normal_(layer.weight, 0, 0.05)
        for layer in (self.word_weights, self.platform_head, self.platform_steps):
            nn.init.zeros_(layer.weight)
        for layer, bias in ((self.steps, -2.0), (self.unknown_grade, 0.0)):
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.bias, bias)

    def forward(
        self,
        platform: Tensor,
        numbers: Tensor,
        grade: Tensor,
        words: Tensor,
        offsets: Tensor,
        weights: Tensor,
    ) -> Tensor:
        """platform, grade: (n,); numbers: (n, 2); words, weights: of all rows, in a row's order."""
        if self.training:
            withheld = torch.rand(len(grade), device=grade.device) < UNGRADED
            grade = torch.where(withheld, -1, grade)
        bag = self.words(words, offsets, per_sample_weights=weights)
        hidden = self.hidden(self.enter(bag + self.platform(platform) + self.numbers(numbers)))
        last = self.last(hidden)
        price = self.head(last).squeeze(1) + (last * self.platform_head(platform)).sum(1)
        price = price + self.word_weights(words, offsets, per_sample_weights=weights).squeeze(1)
        price = price + self.unknown_grade(hidden).squeeze(1) * (grade < 0)
        steps = functional.softplus(self.steps(hidden) + self.platform_steps(platform))
        # As in resale.ridge, "very good" is where the steps begin.
        up = grade[:, None] > torch.arange(N_STEPS, device=grade.device)
        down = steps[:, :ANCHOR].sum(1) * (grade >= 0)
        return price + (steps * up).sum(1) - down


@dataclass
class SparseBatches:
    """Batches of listings, re-iterable; shuffled anew in every pass where there are targets."""

    rows: Sparse
    targets: dict[str, Tensor] | None
    batch_size: int
    seed: int = 0
    epoch: int = 0

    def __len__(self) -> int:
        return -(-len(self.rows.platform) // self.batch_size)

    def __iter__(self) -> Iterator[tuple]:
        order = np.arange(len(self.rows.platform))
        if self.targets is not None:
            np.random.default_rng((self.seed, self.epoch)).shuffle(order)
            self.epoch += 1
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            targets = self.targets and {name: values[rows] for name, values in self.targets.items()}
            yield _tensors(self.rows[rows]), targets


def fit_network(
    rows: Sparse,
    target: np.ndarray,
    weight: np.ndarray,
    platforms: int,
    seed: int,
    device: torch.device,
) -> tuple[SparseNetwork, History]:
    """target: (n,) log prices, standardised by platform; weight: (n,)."""
    training.seed_everything(seed)
    network = SparseNetwork(rows.words.shape[1], platforms)
    values = {"price": target, "weight": weight / weight.mean()}
    targets = {name: torch.from_numpy(array.astype(np.float32)) for name, array in values.items()}
    batches = SparseBatches(rows, targets, CONFIG.batch_size, seed)
    history = training.fit(network, batches, None, _loss, CONFIG, device, progress="network")
    return network, history


def predict(network: SparseNetwork, rows: Sparse, device: torch.device) -> np.ndarray:
    """(n,) standardised log prices; each listing must have a platform that is known."""
    return training.predict(network, SparseBatches(rows, None, PREDICT_BATCH), device)


def load_network(path: Path) -> SparseNetwork:
    """What :func:`common.training.save_model` wrote with the network's arguments."""
    network = SparseNetwork(**training.read_config(path)["arguments"])
    return training.load_state(network, path).eval()


def _tensors(rows: Sparse) -> tuple[Tensor, ...]:
    known = np.isfinite(rows.log_new)
    numbers = np.column_stack([np.where(known, rows.log_new, 4) - 4, known])
    return (
        torch.from_numpy(rows.platform),
        torch.from_numpy(numbers.astype(np.float32)),
        torch.from_numpy(rows.grade),
        torch.from_numpy(rows.words.indices.astype(np.int64)),
        torch.from_numpy(rows.words.indptr[:-1].astype(np.int64)),
        torch.from_numpy(rows.words.data),
    )


def _loss(outputs: Tensor, targets: dict[str, Tensor]) -> Tensor:
    loss = functional.huber_loss(outputs, targets["price"], reduction="none", delta=HUBER)
    return (loss * targets["weight"]).mean()
