"""A neural price model with all that it needs to predict: encoder, scaler, network, margins.

Stored as safetensors (weights) and JSON (everything else); needs none of the training data.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from common import training
from common.artifacts import StageError
from common.prices.conformal import ConformalMargins
from common.prices.features import PriceFeatures, PriceTask, row_blocks
from common.prices.networks import AdvancedMLP, PriceEnsemble

NETWORKS = {network.__name__: network for network in (AdvancedMLP, PriceEnsemble)}
PREDICT_BATCH = 4096  # rows: bounds the memory, changes nothing else


@dataclass
class PriceModel:
    """Features -> standardised features -> network -> USD. An unknown feature is NaN.

    mean, scale: float32 (n_features,), of the training rows. network: its ``usd`` turns outputs
    into prices, its ``arguments`` rebuild it. margins: make a 90 % interval of its quantiles.
    """

    encoder: PriceFeatures
    mean: np.ndarray
    scale: np.ndarray
    network: torch.nn.Module
    margins: ConformalMargins | None = None

    @classmethod
    def build(cls, task: PriceTask, rows: np.ndarray, kind: type, **arguments) -> "PriceModel":
        """An untrained network of ``kind``, and a scaler of the training ``rows`` of the task."""
        total = squares = 0.0
        for block in row_blocks(rows):
            values = task.matrix(block)
            total = total + values.sum(axis=0, dtype=np.float64)
            squares = squares + np.einsum("ij,ij->j", values, values, dtype=np.float64)
        mean = total / len(rows)
        scale = np.sqrt(np.maximum(squares / len(rows) - mean**2, 0)).astype(np.float32)
        scale[scale < 1e-6] = 1.0  # a column that never varies stays zero
        return cls(task.encoder, mean.astype(np.float32), scale, kind(**arguments))

    def tensor(self, matrix: np.ndarray) -> torch.Tensor:
        """The network's input for rows of :meth:`PriceFeatures.matrix`."""
        standardised = matrix - self.mean
        standardised /= self.scale  # in place: of a million products a copy is gigabytes
        return torch.from_numpy(standardised)

    def outputs(self, matrix: np.ndarray, device: torch.device):
        """The network's outputs for rows of :meth:`PriceFeatures.matrix`."""
        batches = training.TensorBatches((self.tensor(matrix),), None, PREDICT_BATCH, False, 0)
        return training.predict(self.network, batches, device)

    def predict_interval(
        self, matrix: np.ndarray, device: torch.device
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
        """USD (n_rows,), and the low and high end of its 90 % interval, None without margins."""
        outputs = self.outputs(matrix, device)
        usd = self.network.usd(outputs)
        if self.margins is None:
            return usd, None
        quantiles = self.network.quantiles(outputs).mean(axis=1)
        return usd, self.margins.interval(usd, quantiles[:, 0], quantiles[:, -1])

    def predict(
        self, table: pd.DataFrame, image: np.ndarray, text: np.ndarray, device="cpu"
    ) -> np.ndarray:
        """USD (n_rows,) of products given by their columns and their two embeddings."""
        blocks = row_blocks(np.arange(len(table)))
        parts = (self.encoder.matrix(table.iloc[rows], image[rows], text[rows]) for rows in blocks)
        device = torch.device(device)
        return np.concatenate([self.predict_interval(matrix, device)[0] for matrix in parts])

    def save(self, path: Path, **facts: object) -> None:
        """Writes ``path`` (safetensors) and a JSON beside it, which holds ``facts`` as well."""
        margins = asdict(self.margins) if self.margins else None
        config = {"encoder": asdict(self.encoder), "mean": self.mean.tolist()}
        config |= {"scale": self.scale.tolist(), "network": type(self.network).__name__}
        config |= {"arguments": self.network.arguments, "margins": margins, **facts}
        training.save_model(self.network, path, config)

    @classmethod
    def load(cls, path: Path) -> "PriceModel":
        """Reads what :meth:`save` wrote. Raises StageError when it is not whole, or older."""
        config = training.read_config(path)
        try:
            network = NETWORKS[config["network"]](**config["arguments"])
            margins = ConformalMargins(**config["margins"]) if config["margins"] else None
            encoder = PriceFeatures(**config["encoder"])
            mean, scale = (np.array(config[name], np.float32) for name in ("mean", "scale"))
        except (KeyError, TypeError) as error:
            raise StageError(f"{path} is of another version: train the model again") from error
        training.load_state(network, path).eval()
        return cls(encoder, mean, scale, network, margins)
