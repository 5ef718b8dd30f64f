"""The kept models that price one listing: the CLIP, the labelling network, the price network."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common import presets
from common.artifacts import fingerprint, require
from common.embed.encoders import ClipEncoder
from common.embed.models import load_clip
from common.prices.model import PriceModel
from common.training import torch_device
from pricing.listing import Labeller, Reader, columns

PRICE = "regression_DL_SOTA/ensemble_metadata-embedding_listing_grouped_seed{seed}.safetensors"
LABELS = "clip_kernel_fusion_mixed_seed_{seed}.safetensors"


def files(args: argparse.Namespace) -> dict[str, Path]:
    """The two networks' files, and the CLIP's where its heads follow from the data.

    Raises StageError that names the stage which makes a missing one.
    """
    paths, seed, data = args.paths, args.seed[0], f"--data-dir {args.paths.data}"
    found = {
        "price": require(
            paths.model(PRICE.format(seed=seed)),
            f"python regression_DL_SOTA.py {data} --experiment metadata",
        ),
        "labels": require(
            paths.model(LABELS.format(seed=seed)), f"python Classification_with_CLIP.py {data}"
        ),
    }
    if presets.clip_name(args.preset, getattr(args, "clip", None)) == presets.FASHION_LITE:
        found["clip"] = require(
            paths.model(presets.FASHION_LITE, presets.OPEN_CLIP_WEIGHTS),
            presets.embed_command(paths),
        )
    return found


def prints(args: argparse.Namespace) -> dict[str, str]:
    """What identifies the two networks and the CLIP whose embeddings they see."""
    found = {name: fingerprint(path) for name, path in files(args).items()}
    if "clip" not in found:
        found["clip"] = json.dumps(
            presets.clip_identity(args.preset, getattr(args, "clip", None)), sort_keys=True
        )
    return found


@dataclass
class Features:
    """What the price model sees of listings, and what was made of them on the way.

    matrix: float32 (n, n_features). labels: probabilities (n, n_classes) by task.
    """

    matrix: np.ndarray
    labels: dict[str, np.ndarray]


class Models:
    """The CLIP, the labelling network and the price network of a data folder."""

    def __init__(self, args: argparse.Namespace):
        found = files(args)
        self.device = torch_device(args.device)
        self.labeller = Labeller(found["labels"], self.device)
        self.price = PriceModel.load(found["price"])
        self.price.network.to(self.device)
        self._args, self._encoder = args, None

    @property
    def encoder(self):
        """Embeds pictures and texts; loaded when it is first asked for."""
        if self._encoder is None:
            self._encoder = ClipEncoder(load_clip(self._args, self.device))
        return self._encoder

    def features(
        self,
        reader: Reader,
        read: Sequence[Mapping[str, str]],
        image: np.ndarray,
        text: np.ndarray,
        known: Sequence[Mapping[str, str]],
        said: Sequence[str],
    ) -> Features:
        """image, text: embeddings (n, d), NaN where there is none. read, known: as in the door.

        said: the texts; of those whose embedding is NaN no word is seen.
        """
        labels = self.labeller(image, text, said)
        named = {
            task: [self.labeller.classes[task][best] for best in odds.argmax(axis=1)]
            for task, odds in labels.items()
        }
        table = columns(reader, read, named, known).assign(title=said, description="")
        return Features(self.price.encoder.matrix(table, image, text), labels)

    def outputs(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """USD by each member (n, members), and quantiles of the log price (n, members, 3)."""
        made = self.price.outputs(matrix, self.device)
        return self.price.network.prices(made), self.price.network.quantiles(made)

    def block(self, pieces: Sequence[str]) -> np.ndarray:
        """The places of the matrix that these columns, or "photo" and "text", take."""
        encoder = self.price.encoder
        widths = {"photo": encoder.image_width, "text": encoder.text_width + encoder.words}
        widths |= {name: len(values) + 1 for name, values in encoder.categories.items()}
        found, start = [], 0
        for name, width in widths.items():
            if name in pieces:
                found += range(start, start + width)
            start += width
        return np.array(found, int)
