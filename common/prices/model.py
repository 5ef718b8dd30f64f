"""A neural price model with all that it needs to predict: encoder, scaler, network.

Kept as safetensors (weights) and JSON (everything else), it predicts on a machine that has none
of the training data.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from common import training
from common.artifacts import StageError
from common.dataset import Dataset
from common.prices.conformal import ConformalMargins
from common.prices.features import PriceFeatures
from common.prices.networks import AdvancedMLP, PriceEnsemble

NETWORKS = {network.__name__: network for network in (AdvancedMLP, PriceEnsemble)}

# Rows per batch in prediction: bounds the memory, changes nothing else.
PREDICT_BATCH = 4096
# Rows whose features are in memory at once where a table is predicted.
PREDICT_BLOCK = 16 * PREDICT_BATCH


def blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Row numbers, PREDICT_BLOCK at a time; one block that is empty where there are none."""
    for start in range(0, max(len(rows), 1), PREDICT_BLOCK):
        yield rows[start : start + PREDICT_BLOCK]


@dataclass(frozen=True)
class Rows:
    """Rows of :meth:`PriceFeatures.matrix` by number; embeddings may be mapped from disk."""

    encoder: PriceFeatures
    table: pd.DataFrame
    image: np.ndarray
    text: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self.encoder.matrix(self.table.iloc[rows], self.image[rows], self.text[rows])


Matrix = np.ndarray | Rows


def matrix_of(encoder: PriceFeatures, dataset: Dataset) -> Matrix:
    """The features that a recipe learns from: whole, or made where rows are asked for.

    A table of more than PREDICT_BLOCK rows may not fit into memory as a matrix.
    """
    rows = Rows(encoder, dataset.table, dataset.image, dataset.text)
    return rows[np.arange(len(dataset.table))] if len(dataset.table) <= PREDICT_BLOCK else rows


@dataclass
class PriceModel:
    """Features -> standardised features -> network -> USD.

    mean, scale: float32 (n_features,), of the training rows. network: a module whose ``usd``
    turns its outputs into prices, and whose ``arguments`` rebuild it. margins: what makes a 90 %
    range of a network's quantiles, None for a network without.

    A feature that is not known is NaN.
    """

    encoder: PriceFeatures
    mean: np.ndarray
    scale: np.ndarray
    network: torch.nn.Module
    margins: ConformalMargins | None = None

    @classmethod
    def build(
        cls,
        encoder: PriceFeatures,
        matrix: Matrix,
        rows: np.ndarray,
        kind: type,
        **arguments: object,
    ) -> "PriceModel":
        """An untrained network of ``kind``, and a scaler of the training ``rows`` of the matrix."""
        total = squares = 0.0
        for some in blocks(rows):
            values = matrix[some]
            total = total + values.sum(axis=0, dtype=np.float64)
            squares = squares + np.einsum("ij,ij->j", values, values, dtype=np.float64)
        mean = total / len(rows)
        scale = np.sqrt(np.maximum(squares / len(rows) - mean**2, 0)).astype(np.float32)
        scale[scale < 1e-6] = 1.0  # a column that never varies stays zero
        return cls(encoder, mean.astype(np.float32), scale, kind(**arguments))

    def tensor(self, matrix: np.ndarray) -> torch.Tensor:
        """The network's input for rows of :meth:`PriceFeatures.matrix`."""
        made = matrix - self.mean
        made /= self.scale  # in place: of a million products a copy is gigabytes
        return torch.from_numpy(made)

    def outputs(self, matrix: np.ndarray, device: torch.device):
        """What the network says of rows of :meth:`PriceFeatures.matrix`."""
        batches = training.TensorBatches((self.tensor(matrix),), None, PREDICT_BATCH, False, 0)
        return training.predict(self.network, batches, device)

    def predict_matrix(self, matrix: np.ndarray, device: torch.device) -> np.ndarray:
        """USD (n_rows,) for rows of :meth:`PriceFeatures.matrix`."""
        return self.network.usd(self.outputs(matrix, device))

    def range_matrix(self, matrix: np.ndarray, device: torch.device) -> tuple[np.ndarray, ...]:
        """USD, and the low and high end of its 90 % range: three arrays (n_rows,)."""
        if self.margins is None:
            raise StageError("this price model knows no range: use one of the recipe 'ensemble'")
        outputs = self.outputs(matrix, device)
        usd, quantiles = self.network.usd(outputs), self.network.quantiles(outputs).mean(axis=1)
        return usd, *self.margins.interval(usd, quantiles[:, 0], quantiles[:, -1])

    def predict(
        self, table: pd.DataFrame, image: np.ndarray, text: np.ndarray, device="cpu"
    ) -> np.ndarray:
        """USD (n_rows,) of products given by their columns and their two embeddings."""
        found = [
            self.predict_matrix(matrix, torch.device(device))
            for matrix in self._matrices(table, image, text)
        ]
        return np.concatenate(found)

    def predict_range(
        self, table: pd.DataFrame, image: np.ndarray, text: np.ndarray, device="cpu"
    ) -> tuple[np.ndarray, ...]:
        """:meth:`predict` with the 90 % range: USD, low, high, each (n_rows,)."""
        found = [
            self.range_matrix(matrix, torch.device(device))
            for matrix in self._matrices(table, image, text)
        ]
        return tuple(np.concatenate(part) for part in zip(*found, strict=True))

    def _matrices(self, table: pd.DataFrame, image: np.ndarray, text: np.ndarray):
        """The rows of :meth:`PriceFeatures.matrix`, a block at a time; embeddings may be mapped."""
        rows = Rows(self.encoder, table, image, text)
        return (rows[some] for some in blocks(np.arange(len(table))))

    def save(self, path: Path, **known: object) -> None:
        """Writes ``path`` (safetensors) and a JSON beside it; ``known`` is kept in the JSON."""
        config = {
            "encoder": asdict(self.encoder),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "network": type(self.network).__name__,
            "arguments": self.network.arguments,
            "margins": asdict(self.margins) if self.margins else None,
            **known,
        }
        training.save_model(self.network, path, config)

    @classmethod
    def load(cls, path: Path) -> "PriceModel":
        """Reads what :meth:`save` wrote. Raises StageError when it is not whole."""
        config = training.read_config(path)
        network = NETWORKS[config["network"]](**config["arguments"])
        training.load_state(network, path).eval()
        return cls(
            PriceFeatures(**config["encoder"]),
            np.array(config["mean"], np.float32),
            np.array(config["scale"], np.float32),
            network,
            ConformalMargins(**config["margins"]) if config["margins"] else None,
        )
