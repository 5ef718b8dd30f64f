"""CLIP embeddings of every product's picture and text, kept as NPY beside the table.

What a tower says of a picture or a text never changes, so it is kept row by row in
``<data-dir>/cache``, keyed by the tower's weights and preprocessing and by the input: after a
kill, or after 1 % of the products changed, only what is missing is computed. The heads of the
embedded CLIP, and the last stage of its image tower, are trained on the training split
(:mod:`common.embed.align`) anew whenever the table or its split changes; what is kept of a picture
is what that stage sees.
"""

import argparse
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from common import presets
from common.artifacts import (
    StageError,
    atomic,
    is_current,
    manifest,
    record,
    write_csv,
    write_npy,
)
from common.embed.cache import file_stamp
from common.merge.table import splits
from common.product_table import listing_text
from common.training import torch_device


def ensure(args: argparse.Namespace, table: pd.DataFrame) -> tuple[Path, Path]:
    """Makes or completes ``img_emb.npy`` and ``wrd_emb.npy`` for ``table``; returns their paths.

    Both are float32 (n_rows, d), rows L2-normalised, in the table's order; ``<name>.ids.txt``
    names the rows. A picture that cannot be decoded leaves a row of NaN and stands with its
    reason in ``img_emb.set_aside.csv``. Where both are current nothing is loaded or computed.
    Raises StageError when the model cannot be had or no picture can be decoded.
    """
    identity = presets.clip_identity(args)
    own = identity["name"] == presets.FASHION_LITE
    # The study's random split trains on other rows, so its alignment is another one.
    suffix = ".random" if own and args.split == "random" else ""
    image_path, text_path = (
        path.with_name(path.stem + suffix + ".npy")
        for path in (args.paths.img_emb, args.paths.wrd_emb)
    )
    files = [args.paths.raw / name for name in table["image_path"]]
    texts = listing_text(table)
    rows = [table["product_key"], [file_stamp(file) for file in files], texts]
    settings = {"model": identity}
    if own:
        rows.append(table["split"])
        settings["alignment"] = presets.LITE_ALIGNMENT
    inputs = {"rows": hashlib.sha256(repr([list(part) for part in rows]).encode()).hexdigest()}
    products = [image_path, text_path]
    if own:
        products.insert(
            0, args.paths.model(presets.FASHION_LITE + suffix, presets.OPEN_CLIP_WEIGHTS)
        )
    if all(is_current(path, inputs, settings) for path in products):
        return image_path, text_path
    made_with = manifest(image_path).get("settings", {}).get("model", identity)["name"]
    if made_with != identity["name"]:
        print(f"{image_path} of {made_with} gives way to {identity['name']}", flush=True)

    from common import metrics
    from common.embed import align as alignment
    from common.embed import encoders as towers

    device = torch_device(args.device)
    clip = alignment.untrained(device) if own else presets.clip(args, device)
    image_tower, text_tower = towers.of_clip(clip)
    started = time.monotonic()
    kept, reasons = towers.image_starts(args, files, image_tower)
    seconds = {"image": time.monotonic() - started}
    started = time.monotonic()
    text = towers.text_features(args, texts, text_tower)
    truncated = text_tower.truncated(texts)
    seconds["text"] = time.monotonic() - started
    _set_aside(image_path, table, files, reasons)
    if len(reasons) == len(table):
        raise StageError(
            f"none of the {len(table)} pictures under {args.paths.raw} can be decoded; "
            f"the reasons are in {_beside(image_path, '.set_aside.csv')}"
        )
    if truncated:
        print(
            f"{truncated} of {len(texts)} texts are longer than the {clip.info['context_length']} "
            "tokens that the model reads; the rest of them is not embedded",
            flush=True,
        )

    whole = ~np.isnan(kept[:, 0])
    train, validation, test = (
        np.flatnonzero(whole & (table["split"] == side).to_numpy()) for side in splits.SPLITS
    )
    if own:
        history = alignment.align(clip, kept, text, train, validation, device)
        alignment.save(clip.model, products[0].parent)
        record(products[0], args, inputs, history.seconds, settings, best_epoch=history.best_epoch)
        image_tower, _ = towers.of_clip(clip)  # with its last stage as it is now
    image_head, text_head = towers.heads_of(clip)
    image = towers.project(image_tower.finish(kept), image_head, device)
    text = towers.project(text, text_head, device)
    found = metrics.retrieval(image[test], text[test])
    print(
        f"{clip.info['name']}: among {found['among']} test products a text finds its picture "
        f"first in {found['text_to_image@1']:.1%}, among ten in {found['text_to_image@10']:.1%}",
        flush=True,
    )
    for path, array, took, more in (
        (image_path, image, seconds["image"], {"set_aside": len(reasons), "retrieval": found}),
        (text_path, text, seconds["text"], {"truncated": truncated}),
    ):
        with atomic(_beside(path, ".ids.txt")) as temporary:
            temporary.write_text("\n".join(table["product_key"]) + "\n", "utf-8")
        write_npy(array, path)
        record(path, args, inputs, took, settings, **more)
    return image_path, text_path


def of_texts(args: argparse.Namespace, texts: Sequence[str]) -> np.ndarray:
    """Any texts, as :func:`ensure` embeds the table's: float32 (n_texts, d), cached like those."""
    from common.embed import encoders as towers

    clip = presets.clip(args, torch_device(args.device))
    _, tower = towers.of_clip(clip)
    features = towers.text_features(args, texts, tower)
    return towers.project(features, towers.heads_of(clip)[1], tower.device)


class Encoder:
    """Embeds single listings as :func:`ensure` embeds the table, with a CLIP loaded once."""

    def __init__(self, clip: presets.Clip):
        from common.embed import encoders as towers

        self._image_tower, self._text_tower = towers.of_clip(clip)
        self._image_head, self._text_head = towers.heads_of(clip)

    def images(self, images: Sequence) -> np.ndarray:
        """Paths or PIL images -> float32 (n_images, d), rows L2-normalised.

        Raises :class:`common.embed.images.BrokenImageError` with the reason.
        """
        import torch

        from common.embed import encoders as towers
        from common.embed import images as pictures

        tower = self._image_tower
        batch = torch.stack([pictures.decode(image, tower.pixels) for image in images])
        return towers.project(tower(batch), self._image_head, tower.device)

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Texts, as :func:`common.merge.table.listing_text` writes them -> float32 (n_texts, d)."""
        from common.embed import encoders as towers

        tower = self._text_tower
        return towers.project(tower(texts), self._text_head, tower.device)


def _set_aside(
    path: Path, table: pd.DataFrame, files: Sequence[Path], reasons: dict[int, str]
) -> None:
    rows = list(reasons)
    frame = pd.DataFrame(
        {
            "product_key": table["product_key"].iloc[rows].to_numpy(),
            "file": [str(files[row]) for row in rows],
            "reason": list(reasons.values()),
        }
    )
    write_csv(frame, _beside(path, ".set_aside.csv"))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.stem + suffix)
