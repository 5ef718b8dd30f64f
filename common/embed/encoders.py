"""The image and text towers of a CLIP or CNN; features of pictures and texts, cached row by row."""

import copy
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from timm.layers import BatchNormAct2d
from timm.models import EfficientNet
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from common.embed.cache import RowCache, file_stamp
from common.embed.images import Pixels, batches, decode
from common.embed.models import Clip
from common.runtime import Progress
from common.training import mixed_precision

IMAGE_BATCH, TEXT_BATCH = 64, 64
_CHUNK, _FINISHED = 4096, 256
_WIDTH_STEP = 16  # tokens
_STRIDE = 32  # pixels of the picture to a cell of an EfficientNet's last maps


class ImageTower:
    """Pixels -> features of one network in two steps; the activations between them are cached.

    EfficientNet is cut before its last stage, a ninth of its work, which the embedded CLIP trains;
    of other networks the activations are the features. Mixed precision, channels last, batch norms
    folded (half as fast again). ``head``: what turns features into embeddings, if anything does.
    """

    def __init__(self, module: nn.Module, preprocess, identity: dict, head=None):
        self.device, self.head = next(module.parameters()).device, head
        cut = isinstance(module, EfficientNet)
        module = _folded(module) if cut else module
        module = module.to(memory_format=torch.channels_last).eval()
        self.pixels, self.identity = Pixels(preprocess), identity
        self._start, self._finish = module, nn.Identity()
        if cut:
            stages = module.conv_stem, module.bn1, *module.blocks[:-1]
            self._start = nn.Sequential(*stages, nn.Flatten())
            self._finish = LastStage(module, self.pixels)
            self.identity = {**identity, "kept": "before the last stage"}

    def __call__(self, batch: torch.Tensor) -> np.ndarray:
        """uint8 (n, 3, height, width) -> features, float32 (n, d)."""
        return self.finish(self.start(batch))

    @torch.inference_mode()
    def start(self, batch: torch.Tensor) -> np.ndarray:
        """uint8 (n, 3, height, width) -> activations, float32 (n, s)."""
        with _autocast(self.device):
            activations = self._start(self.pixels.normalise(batch, self.device))
        return activations.float().cpu().numpy()

    @torch.inference_mode()
    def finish(self, activations: np.ndarray) -> np.ndarray:
        """Activations (n, s) -> features, float32 (n, d); NaN rows stay NaN."""
        parts = []
        for rows in torch.from_numpy(activations).split(_FINISHED):
            with _autocast(self.device):
                parts.append(self._finish(rows.to(self.device).float()).float().cpu())
        return torch.cat(parts).numpy()


@dataclass
class TextTower:
    """Texts -> features by ``encode``, a function of tokens. ``pad``: the token of no text."""

    encode: Callable
    device: torch.device
    tokenizer: Callable
    identity: dict
    pad: int | None = None
    head: nn.Module | None = None

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """n texts -> float32 (n, d)."""
        tokens = self.tokenizer(list(texts))
        if self.pad is not None:
            # Columns of padding only, which is masked, cost time. They go by sixteens: oneDNN keeps
            # a compiled kernel of every width it has met, for a width a batch some gigabytes.
            longest = int((tokens != self.pad).sum(1).max())
            tokens = tokens[:, : -(-longest // _WIDTH_STEP) * _WIDTH_STEP]
        with _autocast(self.device):
            features = self.encode(tokens.to(self.device))
        return features.float().cpu().numpy()

    def truncated(self, texts: Sequence[str]) -> int:
        """How many of the texts are longer than the context, so that their end is not read."""
        context = self.tokenizer.context_length
        # A token has at least one letter: shorter texts fit whatever they say.
        long = [text for text in texts if len(text) > context - 2]
        if long and hasattr(self.tokenizer, "tokenizer"):  # from transformers
            # verbose=False: that a text is too long is what is being counted.
            rows = self.tokenizer.tokenizer(long, truncation=False, verbose=False).input_ids
            return sum(len(tokens) > context for tokens in rows)
        return sum(len(self.tokenizer.encode(text)) + 2 > context for text in long)


def clip_towers(clip: Clip) -> tuple[ImageTower, TextTower]:
    """The two towers of a CLIP; of our own CLIP with their heads apart, which are trained later."""
    model, identity = clip.model, clip.identity
    if not clip.aligned:
        image = ImageTower(model.visual, clip.preprocess, {"clip image": identity})
        encode, tokenizer = model.encode_text, clip.tokenizer
        return image, TextTower(encode, image.device, tokenizer, {"clip text": identity})
    visual, text, pad = model.visual, model.text, model.text.config.pad_token_id
    image = ImageTower(visual.trunk, clip.preprocess, identity["image"], visual.head)

    def pooled(tokens: torch.Tensor) -> torch.Tensor:
        mask = (tokens != pad).long()
        return text.pooler(text.transformer(input_ids=tokens, attention_mask=mask), mask)

    more = {"pad": pad, "head": text.proj}
    return image, TextTower(pooled, image.device, clip.tokenizer, identity["text"], **more)


@torch.inference_mode()
def project(features: np.ndarray, tower: ImageTower | TextTower) -> np.ndarray:
    """A tower's features (n, d) -> embeddings (n, e), float32, L2-normalised; NaN stays NaN."""
    head, parts = tower.head or nn.Identity(), []
    for chunk in torch.from_numpy(features).split(_CHUNK):
        parts.append(nn.functional.normalize(head(chunk.to(tower.device)), dim=-1).cpu())
    return torch.cat(parts).numpy()


class ClipEncoder:
    """Embeds single listings as the table's rows are embedded, with a CLIP loaded once."""

    def __init__(self, clip: Clip):
        self._image_tower, self._text_tower = clip_towers(clip)

    def images(self, images: Sequence) -> np.ndarray:
        """Paths or PIL images -> float32 (n, d), L2-normalised; may raise BrokenImageError."""
        tower = self._image_tower
        return project(tower(torch.stack([decode(i, tower.pixels) for i in images])), tower)

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """As :func:`common.product_table.listing_text` writes them -> float32 (n, d)."""
        return project(self._text_tower(texts), self._text_tower)


def image_features(folder: Path, files: Sequence[Path], tower: ImageTower) -> tuple:
    """As :func:`image_activations`, but of features, float32 (n_files, d)."""
    activations, reasons = image_activations(folder, files, tower)
    return tower.finish(activations), reasons


def image_activations(
    folder: Path, files: Sequence[Path], tower: ImageTower
) -> tuple[np.ndarray, dict[int, str]]:
    """What :meth:`ImageTower.start` gives, float16 (n_files, s), and {position: reason} of broken
    files, whose rows are NaN. ``folder``: that of the caches (``paths.cache``)."""
    cache = _cache(folder, tower.identity)
    keys = [hashlib.sha256(file_stamp(file).encode()).digest() for file in files]
    missing = cache.missing(keys)
    reasons: dict[bytes, str] = {}
    with Progress(what="embedding", total=len(missing), unit="pictures") as progress:
        uncached = [files[position] for position in missing]
        for positions, batch, broken in batches(uncached, tower.pixels, IMAGE_BATCH):
            if batch is not None:
                cache.put([keys[missing[p]] for p in positions], tower.start(batch))
            reasons |= {keys[missing[p]]: reason for p, reason in broken.items()}
            progress.update(len(positions) + len(broken))
    by_row = {row: reasons[key] for row, key in enumerate(keys) if key in reasons}
    return cache.take(keys, np.float16), by_row


def text_features(folder: Path, texts: Sequence[str], tower: TextTower) -> np.ndarray:
    """Features (n_texts, d) float32; texts of similar length share a batch."""
    cache = _cache(folder, tower.identity)
    keys = [hashlib.sha256(text.encode()).digest() for text in texts]
    missing = sorted(cache.missing(keys), key=lambda position: len(texts[position]))
    with Progress(what="embedding", total=len(missing), unit="texts") as progress:
        for start in range(0, len(missing), TEXT_BATCH):
            batch = missing[start : start + TEXT_BATCH]
            cache.put([keys[p] for p in batch], tower([texts[p] for p in batch]))
            progress.update(len(batch))
    return cache.take(keys)


def _cache(folder: Path, identity: dict) -> RowCache:
    name = re.sub(r"[^\w.-]+", "-", identity.get("name") or next(iter(identity)))
    mark = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    return RowCache(folder / f"{name}-{mark}.sqlite")


def _autocast(device: torch.device):
    dtype = mixed_precision(device)
    return torch.autocast(device.type, dtype=dtype, enabled=dtype is not None)


def _folded(module: EfficientNet) -> EfficientNet:
    """A copy with each batch norm folded into the convolution before it.

    Its stem and first stage stay in float32 where the rest is computed in bfloat16: they make
    two thirds of the rounding error and a tenth of the work.
    """
    module = copy.deepcopy(module)
    for parent in list(module.modules()):
        for (previous, conv), (name, child) in pairwise(list(parent.named_children())):
            if isinstance(child, BatchNormAct2d):
                setattr(parent, previous, fuse_conv_bn_eval(conv, child))
                setattr(parent, name, child.act)
    module.conv_stem = _InFloat32(module.conv_stem)
    module.blocks[0] = _InFloat32(module.blocks[0])
    return module


class LastStage(nn.Module):
    """The end of an EfficientNet: rows (n, s) of what its other stages give -> features (n, d)."""

    def __init__(self, trunk: EfficientNet, pixels: Pixels):
        super().__init__()
        self.stage, self.conv = trunk.blocks[-1], trunk.conv_head
        self.norm, self.pool = trunk.bn2, trunk.global_pool
        self.cells = tuple(-(-size // _STRIDE) for size in (pixels.height, pixels.width))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        maps = rows.unflatten(1, (-1, *self.cells)).contiguous(memory_format=torch.channels_last)
        return self.pool(self.norm(self.conv(self.stage(maps))))


class _InFloat32(nn.Sequential):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        with torch.autocast(inputs.device.type, enabled=False):
            return super().forward(inputs.float())
