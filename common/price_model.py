"""A neural price model with all that it needs to predict: encoder, scaler, network.

Kept as safetensors (weights) and JSON (everything else), it predicts on a machine that has none
of the training data.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from common import training
from common.networks import AdvancedMLP, TwoHeadedMLP
from common.pricing import Encoder

NETWORKS = {network.__name__: network for network in (AdvancedMLP, TwoHeadedMLP)}

# Rows per batch in prediction: bounds the memory, changes nothing else.
PREDICT_BATCH = 4096


@dataclass
class PriceModel:
    """Features -> standardised features -> network -> USD.

    mean, scale: float32 (n_features,), of the training rows. network: a module whose ``usd``
    turns its outputs into prices, and whose ``arguments`` rebuild it.
    """

    encoder: Encoder
    mean: np.ndarray
    scale: np.ndarray
    network: torch.nn.Module

    @classmethod
    def build(
        cls, encoder: Encoder, training_matrix: np.ndarray, network: type, **arguments: object
    ) -> "PriceModel":
        """An untrained ``network``, with a scaler fitted on the matrix of the training rows."""
        scale = training_matrix.std(axis=0)
        scale[scale < 1e-6] = 1.0  # a column that never varies stays zero
        made = network(inputs=training_matrix.shape[1], **arguments)
        return cls(encoder, training_matrix.mean(axis=0), scale, made)

    def tensor(self, matrix: np.ndarray) -> torch.Tensor:
        """The network's input for rows of :meth:`Encoder.matrix`."""
        return torch.from_numpy((matrix - self.mean) / self.scale)

    def predict_matrix(self, matrix: np.ndarray, device: torch.device) -> np.ndarray:
        """USD (n_rows,) for rows of :meth:`Encoder.matrix`."""
        batches = training.tensor_batches((self.tensor(matrix),), None, PREDICT_BATCH, False, 0)
        return self.network.usd(training.predict(self.network, batches, device))

    def predict(
        self, table: pd.DataFrame, image: np.ndarray, text: np.ndarray, device="cpu"
    ) -> np.ndarray:
        """USD (n_rows,) of products given by their columns and their two embeddings."""
        matrix = self.encoder.matrix(table, image, text)
        return self.predict_matrix(matrix, torch.device(device))

    def save(self, path: Path, **known: object) -> None:
        """Writes ``path`` (safetensors) and a JSON beside it; ``known`` is kept in the JSON."""
        config = {
            "encoder": asdict(self.encoder),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "network": type(self.network).__name__,
            "arguments": self.network.arguments,
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
            Encoder(**config["encoder"]),
            np.array(config["mean"], np.float32),
            np.array(config["scale"], np.float32),
            network,
        )
