"""The fitted models behind a price: CLIP, CLIP Kernel Fusion and the Price Ensemble.

Loads them from ``<data-dir>/models`` and chains them: embeddings -> labels -> features -> prices.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from common import presets
from common.artifacts import RunConfig, fingerprint, require
from common.embed.encoders import ClipEncoder
from common.embed.models import load_clip
from common.prices.model import PriceModel
from common.training import torch_device
from pricing.listing import Labeller, TextReader, columns

PRICE = "regression_DL_SOTA/ensemble_metadata-embedding_listing_grouped_seed{seed}.safetensors"
LABELS = "clip_kernel_fusion_mixed_seed_{seed}.safetensors"


def flags(run: RunConfig) -> str:
    """What a command of a hint needs to make the models that this run looks for."""
    preset = "" if run.preset == "embedded" else f" --preset {run.preset}"
    seed = f" --seed {run.seed[0]}" if run.seed[0] else ""
    return f"--data-dir {run.paths.data}{preset}{seed}"


def model_files(run: RunConfig) -> dict[str, Path]:
    """Files of the two networks, and of the CLIP where it is aligned on the data.

    Raises StageError that names the stage which makes a missing one.
    """
    paths, seed, data = run.paths, run.seed[0], flags(run)
    demo = "" if paths.models.is_dir() else " (or make demo, then --data-dir data/sample)"
    makers = {
        "price": (
            paths.model(PRICE.format(seed=seed)),
            f"python regression_DL_SOTA.py {data} --experiment metadata",
        ),
        "labels": (
            paths.model(LABELS.format(seed=seed)),
            f"python Classification_with_CLIP.py {data}",
        ),
    }
    if presets.clip_name(run.preset, run.clip) == presets.FASHION_LITE:
        path = paths.model(presets.FASHION_LITE, presets.OPEN_CLIP_WEIGHTS)
        makers["clip"] = (path, presets.embed_command(paths))
    return {name: require(path, command + demo) for name, (path, command) in makers.items()}


def fingerprints(run: RunConfig) -> dict[str, str]:
    """What identifies the two networks and the CLIP whose embeddings they were trained on."""
    hashes = {name: fingerprint(path) for name, path in model_files(run).items()}
    clip = json.dumps(presets.clip_identity(run.preset, run.clip), sort_keys=True)
    return {"clip": clip, **hashes}


@dataclass
class Features:
    """matrix: input of the price model, float32 (n, n_features), NaN for what is not known.

    labels: probabilities (n, n_classes) by task.
    """

    matrix: np.ndarray
    labels: dict[str, np.ndarray]


class Models:
    """The CLIP, the labelling network and the price network of a data folder."""

    def __init__(self, run: RunConfig):
        files = model_files(run)
        self.device = torch_device(run.device)
        self.labeller = Labeller(files["labels"], self.device)
        self.price = PriceModel.load(files["price"])
        self.price.network.to(self.device)
        self._run = run

    @cached_property
    def encoder(self) -> ClipEncoder:
        """Embeds pictures and texts; the CLIP is loaded when it is first asked for."""
        return ClipEncoder(load_clip(self._run, self.device))

    def features(
        self,
        reader: TextReader,
        image: np.ndarray,
        text: np.ndarray,
        texts: Sequence[str],
        attributes: Sequence[Mapping[str, str]] | None = None,
        fields: Sequence[Mapping[str, str]] | None = None,
    ) -> Features:
        """image, text: embeddings (n, d), a row of NaN where there is none; texts: their words.

        attributes, fields: as in :func:`pricing.listing.columns`; by default what ``reader`` reads
        and nothing.
        """
        labels = self.labeller(image, text, texts)
        names = {
            task: [self.labeller.classes[task][number] for number in odds.argmax(axis=1)]
            for task, odds in labels.items()
        }
        attributes = attributes or [reader.read(words) for words in texts]
        table = columns(reader, attributes, names, fields or [{}] * len(texts))
        table = table.assign(title=texts, description="")
        return Features(self.price.encoder.matrix(table, image, text), labels)

    def outputs(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """USD by each member (n, members), and quantiles of the log price (n, members, 3)."""
        outputs = self.price.outputs(matrix, self.device)
        return self.price.network.prices(outputs), self.price.network.quantiles(outputs)

    def block(self, names: Sequence[str]) -> np.ndarray:
        """Columns of the matrix that these columns of the table, or "photo" and "text", take."""
        encoder = self.price.encoder
        widths = {"photo": encoder.image_width, "text": encoder.text_width + encoder.words}
        widths |= {name: len(values) + 1 for name, values in encoder.categories.items()}
        ends = np.cumsum(list(widths.values()))
        ranges = [
            np.arange(end - width, end)
            for (name, width), end in zip(widths.items(), ends, strict=True)
            if name in names
        ]
        return np.concatenate(ranges) if ranges else np.array([], int)
