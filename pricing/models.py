"""The files that new goods are priced by, and the command that makes them."""

import json
from pathlib import Path

from common import presets
from common.artifacts import RunConfig, fingerprint, require

FOLDER, INDEX, CALIBRATION = "pricing", "index.safetensors", "calibration.json"
MODEL, WEIGHTS = "listing_model.json", "listing_model.safetensors"


def command(run: RunConfig) -> str:
    """What makes the models that this run looks for."""
    preset = "" if run.preset == "embedded" else f" --preset {run.preset}"
    seed = f" --seed {run.seed[0]}" if run.seed[0] else ""
    return f"python -m pricing.calibrate --data-dir {run.paths.data}{preset}{seed}"


def require_models(run: RunConfig) -> dict[str, Path]:
    """The CLIP, where it is aligned on the data, and the listing model by name.

    Raises StageError, naming the command, where one is missing.
    """
    paths, demo = run.paths, ""
    if not paths.models.is_dir():
        demo = " (or make demo, then --data-dir data/sample)"
    makers = {"listing model": (paths.model(FOLDER, WEIGHTS), command(run))}
    if presets.clip_name(run.preset, run.clip) == presets.FASHION_LITE:
        path = paths.model(presets.FASHION_LITE, presets.OPEN_CLIP_WEIGHTS)
        makers["CLIP"] = (path, presets.embed_command(paths))
    return {name: require(path, maker + demo) for name, (path, maker) in makers.items()}


def identity(run: RunConfig) -> dict[str, str]:
    """What identifies the models that the calibration is for, and the CLIP and seed of both."""
    hashes = {name: fingerprint(path) for name, path in require_models(run).items()}
    clip = json.dumps(presets.clip_identity(run.preset, run.clip), sort_keys=True)
    return {"clip": clip, "seed": str(run.seed[0]), **hashes}
