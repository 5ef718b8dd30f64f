"""Contrastive alignment (InfoNCE, Radford et al. 2021) of ``fashion-lite``, the embedded CLIP.

EfficientNet-Lite0 (ImageNet) and MiniLM-L6 become an ordinary open_clip model, which ``open_clip``
loads by ``local-dir:``; all before the last stage of the image tower stays frozen.
"""

import re
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import open_clip
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from common import presets
from common.artifacts import atomic, write_json
from common.embed.encoders import LastStage, clip_towers
from common.embed.images import Pixels
from common.embed.models import Clip, lite_preprocess, lite_trunk
from common.training import History, TensorBatches, TrainConfig, fit

RECIPE = presets.LITE_ALIGNMENT

_LARGEST_VALIDATION = 4096
_AT_ONCE = 512  # rows through the stage where nothing is learnt
_TOKENIZER = "config.json tokenizer.json tokenizer_config.json vocab.txt special_tokens_map.json"


def untrained_clip(device: torch.device) -> Clip:
    """``fashion-lite`` with its towers' weights and fresh heads, as an open_clip model."""
    source = presets.minilm_folder()
    config = _config(str(source))
    with torch.random.fork_rng():
        torch.manual_seed(RECIPE["seed"])
        model = open_clip.CustomTextCLIP(**config["model_cfg"])
    model.visual.trunk.load_state_dict(lite_trunk().state_dict())
    # BERT's pooler and position numbers are in the file, but neither is in open_clip's tower.
    stored = load_file(source / "model.safetensors").items()
    left_out = re.compile(r"pooler\.|.*position_ids")
    model.text.transformer.load_state_dict({k: v for k, v in stored if not left_out.match(k)})
    open_clip.model.set_model_preprocess_cfg(model, config["preprocess_cfg"])
    length, identity = RECIPE["context_length"], presets.clip_identity()
    tokenizer = open_clip.tokenizer.HFTokenizer(str(source), context_length=length)
    return Clip(model.to(device).eval(), lite_preprocess(), tokenizer, identity, aligned=True)


def align_clip(
    clip: Clip,
    activations: np.ndarray,
    text: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    device: torch.device,
) -> History:
    """Trains ``clip`` in place: its heads, then with them the last stage of its image tower.

    The heads first, so that the stage's gradient is no longer that of chance (Kumar et al., ICLR
    2022); of either step the epoch of the lowest validation loss is kept.

    activations: what ``ImageTower.start`` gives of each picture, (n, s); text: features of the
    text tower, (n, 384); train, validation: row numbers. Deterministic for a seed on a device.
    Returns the history of the second step, with the seconds of both.
    """
    seed, model = RECIPE["seed"], clip.model
    # Negatives come from the batch, and their share of the matrix grows with its square.
    validation = np.random.default_rng(seed).permutation(validation)[:_LARGEST_VALIDATION]
    stage = LastStage(model.visual.trunk, Pixels(clip.preprocess)).to(device)
    rows = np.concatenate([train, validation])
    features = np.zeros((len(activations), model.visual.trunk.num_features), np.float32)
    features[rows] = clip_towers(clip)[0].finish(activations[rows])

    def step(network, image, recipe):
        def side(rows: np.ndarray, size: int, shuffle: bool):
            pair = tuple(torch.from_numpy(part[rows]) for part in (image, text))
            return TensorBatches(pair, None, size, shuffle, seed)

        config = TrainConfig(
            epochs=recipe["epochs"],
            # Few products still make some steps an epoch.
            batch_size=min(recipe["batch_size"], max(64, len(train) // 6)),
            lr=recipe["lr"],
            weight_decay=RECIPE["weight_decay"],
            schedule="onecycle",
        )
        learning = side(train, config.batch_size, True)
        held_out = side(validation, _AT_ONCE, False) if len(validation) else None
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return fit(network, learning, held_out, _contrastive, config, device, None, "aligning")

    model.requires_grad_(False)
    first = step(_Pair(model, nn.Identity()), features, RECIPE["heads"])
    second = step(_Pair(model, stage), activations, RECIPE["stage"])
    model.requires_grad_(True)
    second.seconds += first.seconds
    return second


def save_clip(model: nn.Module, folder: Path) -> None:
    """Writes ``model`` as an open_clip folder: configuration, tokenizer, weights (these last)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _TOKENIZER.split():
        with atomic(folder / name) as temporary:
            shutil.copyfile(presets.minilm_folder() / name, temporary)
    write_json(_config(str(folder.resolve())), folder / "open_clip_config.json")
    weights = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    with atomic(folder / presets.OPEN_CLIP_WEIGHTS) as temporary:
        save_file(weights, temporary)


class _Pair(nn.Module):
    """The trainable part of the model: the last stage of the image tower, and both heads."""

    def __init__(self, model: nn.Module, stage: nn.Module):
        super().__init__()
        self.stage, self.image, self.text = stage, model.visual.head, model.text.proj
        self.logit_scale = model.logit_scale
        self.requires_grad_(True)

    def train(self, mode: bool = True):
        super().train(mode)
        self.stage.eval()  # its batch norms keep what they know of a million pictures
        return self

    def forward(self, image, text):
        drop = partial(nn.functional.dropout, p=RECIPE["dropout"], training=self.training)
        image, text = self.image(drop(self.stage(image.float()))), self.text(drop(text))
        return {"image": image, "text": text, "scale": self.logit_scale.exp().expand(len(image))}


def _contrastive(outputs: dict, _targets) -> torch.Tensor:
    image, text = (nn.functional.normalize(outputs[side], dim=-1) for side in ("image", "text"))
    logits = outputs["scale"][0].clamp(max=100) * image @ text.T
    pairs = torch.arange(len(logits), device=logits.device)
    return sum(nn.functional.cross_entropy(side, pairs) for side in (logits, logits.T)) / 2


def _config(text_folder: str) -> dict:
    """open_clip's configuration file."""
    vision = {
        "timm_model_name": presets.CNN["embedded"],
        "timm_model_pretrained": False,
        "timm_pool": "",
        "timm_proj": "linear",
        "image_size": presets.LITE_PREPROCESS["size"],
    }
    text = {
        "hf_model_name": text_folder,
        "hf_model_pretrained": False,
        "hf_tokenizer_name": text_folder,
        "hf_proj_type": "linear",
        "hf_pooler_type": "mean_pooler",
        "context_length": RECIPE["context_length"],
    }
    model = {"embed_dim": RECIPE["embed_dim"], "vision_cfg": vision, "text_cfg": text}
    return {"model_cfg": model, "preprocess_cfg": presets.LITE_PREPROCESS}
