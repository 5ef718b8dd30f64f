"""CLIP embeddings of every product's picture and text, kept as NPY beside the table.

What the towers compute is cached row by row in ``<data-dir>/cache``; the embedded CLIP is aligned
(:mod:`common.embed.align`) anew whenever the table or its split changes.
"""

import hashlib
import time
from pathlib import Path

import numpy as np
import pandas as pd

from common import artifacts, metrics, presets
from common.artifacts import RunConfig, StageError
from common.embed.cache import file_stamp
from common.merge.splits import SPLITS
from common.product_table import listing_text
from common.training import History, torch_device


def ensure(run: RunConfig, table: pd.DataFrame, force: bool = False) -> tuple[Path, Path]:
    """Makes or completes ``img_emb.npy`` and ``wrd_emb.npy`` for ``table``; returns their paths.

    Both are float32 (n_rows, d), rows L2-normalised, in the table's order; ``<name>.ids.txt``
    names the rows. A row without a picture is NaN, as is one whose picture cannot be decoded, which
    stands in ``img_emb.set_aside.csv``. Where both are current nothing is loaded or computed,
    unless ``force``. Raises StageError when the model cannot be had or no picture can be decoded.
    """
    identity = presets.clip_identity(run.preset, run.clip)
    lite = identity["name"] == presets.FASHION_LITE
    # The study's random split trains on other rows, so its alignment is another one.
    suffix = ".random" if lite and run.split == "random" else ""
    image_path, text_path = outputs = [
        path.with_name(path.stem + suffix + ".npy")
        for path in (run.paths.img_emb, run.paths.wrd_emb)
    ]
    pictured = np.flatnonzero(table["image_path"] != "")
    files = [run.paths.raw / name for name in table["image_path"].iloc[pictured]]
    texts, stamps = listing_text(table), [""] * len(table)
    for row, file in zip(pictured, files, strict=True):
        stamps[row] = file_stamp(file)
    rows = [table["product_key"], stamps, texts]
    settings = {"model": identity}
    if lite:
        rows.append(table["split"])
        settings["alignment"] = presets.LITE_ALIGNMENT
        weights = run.paths.model(presets.FASHION_LITE + suffix, presets.OPEN_CLIP_WEIGHTS)
        outputs.append(weights)
    inputs = {"rows": hashlib.sha256(repr([list(part) for part in rows]).encode()).hexdigest()}
    if not force and all(artifacts.is_current(path, inputs, settings) for path in outputs):
        return image_path, text_path
    previous = artifacts.manifest(image_path).get("settings", {}).get("model", identity)["name"]
    if previous != identity["name"]:
        print(f"{image_path} of {previous} gives way to {identity['name']}", flush=True)

    # Half of a stage's start, and not needed where all is current.
    from common.embed import align, encoders, models

    device = torch_device(run.device)
    clip = align.untrained_clip(device) if lite else models.load_clip(run, device)
    image_tower, text_tower = encoders.clip_towers(clip)
    started = time.monotonic()
    activations, reasons = encoders.image_activations(run.paths.cache, files, image_tower)
    seconds = {image_path: time.monotonic() - started}
    started = time.monotonic()
    text = encoders.text_features(run.paths.cache, texts, text_tower)
    truncated = text_tower.truncated(texts)
    seconds[text_path] = time.monotonic() - started
    set_aside = image_path.with_name(image_path.stem + ".set_aside.csv")
    keys = table["product_key"].iloc[pictured].tolist()
    rows = [(keys[place], files[place], reason) for place, reason in reasons.items()]
    artifacts.write_csv(pd.DataFrame(rows, columns=["product_key", "file", "reason"]), set_aside)
    if reasons and len(reasons) == len(files):
        raise StageError(
            f"none of the {len(files)} pictures under {run.paths.raw} can be decoded; "
            f"the reasons are in {set_aside}"
        )
    if reasons:
        print(
            f"{len(reasons)} of {len(table)} products set aside: their image cannot be decoded, "
            f"for the reasons in {set_aside}",
            flush=True,
        )
    if truncated:
        tokens = f"the {clip.tokenizer.context_length} tokens that the model reads"
        print(f"{truncated} of {len(texts)} texts are longer than {tokens}, so cut", flush=True)

    split, readable = table["split"].to_numpy()[pictured], ~np.isnan(activations[:, :1]).any(axis=1)
    train, validation, test = (np.flatnonzero(readable & (split == side)) for side in SPLITS)
    if lite:
        history = History()
        if len(train):
            text_of = text[pictured]
            history = align.align_clip(clip, activations, text_of, train, validation, device)
        else:
            print("no training row has a picture: its towers stay as they are", flush=True)
        align.save_clip(clip.model, weights.parent)
        artifacts.record(
            weights, run, inputs, history.seconds, settings, best_epoch=history.best_epoch
        )
        image_tower, _ = encoders.clip_towers(clip)  # with its last stage as it is now
    text = encoders.project(text, text_tower)
    image, recall = np.full_like(text, np.nan), {}
    if len(files):
        image[pictured] = encoders.project(image_tower.finish(activations), image_tower)
    if len(test):
        recall = metrics.retrieval(image[pictured[test]], text[pictured[test]])
        print(
            f"{identity['name']}: among {recall['among']} test products a text finds its picture "
            "first in {text_to_image@1:.1%}, among ten in {text_to_image@10:.1%}".format(**recall),
            flush=True,
        )
    for path, array, notes in (
        (image_path, image, {"set_aside": len(reasons), "retrieval": recall}),
        (text_path, text, {"truncated": truncated}),
    ):
        with artifacts.atomic(path.with_name(path.stem + ".ids.txt")) as temporary:
            temporary.write_text("\n".join(table["product_key"]) + "\n", "utf-8")
        artifacts.write_npy(array, path)
        artifacts.record(path, run, inputs, seconds[path], settings, **notes)
    return image_path, text_path
