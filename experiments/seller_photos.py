"""Sellers' photos beside catalogue photos: what a photo alone tells of category and gender.

The categories of the sellers' photos were given by hand (``seller_photos.csv``: identifiers and
labels, nothing else); all are of a men's catalogue. Beside them stand test products of the same
categories and gender. A linear head on the image embeddings learns from catalogue photos as they
are, and from these and one more view of each, drawn as a seller might take it: another background
than white, cut, turned, badly lit.

    python -m experiments.seller_photos --data-dir data/full --raw-dir PATH

What such a listing is worth is then priced by models that learned from all other listings: by the
platform alone, with the category and gender that the photo shows, by the text, and by both.

Reads  dataset_with_llm.csv with retail and second-hand rows, img_emb.npy, the CLIP of the data
       folder, <raw-dir>/listings/
Writes results/seller_photos.csv (a row by photos, what the head learned from, and task),
       results/seller_photo_prices.csv (a row by what of a listing is known)
"""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from torchvision.transforms import v2

from common import cli, dataset
from common.artifacts import StageError
from common.embed.encoders import ClipEncoder
from common.embed.models import load_clip
from common.results import Results, leaderboard
from common.runtime import Progress
from common.training import torch_device
from pricing import uploads
from resale import fit
from resale.level_one import LevelOne
from resale.model import ResalePriceModel

LABELS = Path(__file__).with_suffix(".csv")
GENDER = "Men"
WHITE = 235  # a pixel whose channels all exceed it is background
BATCH = 64
TEXT = ["title", "description", "brand"]
PRICE_SCORES = {"r2_log": ("R2 log", "{:.3f}"), "mdape": ("median error", "{:.1%}")}
SCORES = {"accuracy": ("accuracy", "{:.3f}"), "f1_macro": ("F1", "{:.3f}")}


def seller_view(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The picture on another background than white, cut, turned by some degrees, badly lit."""
    pixels = np.asarray(image.convert("RGB")).copy()
    background = (pixels > WHITE).all(axis=2)
    colour = rng.integers(30, 220, 3) + rng.normal(0, 25, (6, 6, 1))
    stain = Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8)).resize(image.size)
    pixels[background] = np.asarray(stain)[background]
    turn = v2.functional.rotate(
        Image.fromarray(pixels), float(rng.normal(0, 12)), fill=[int(c) for c in colour[0, 0]]
    )
    width, height = turn.size
    scale = rng.uniform(0.6, 1.0)
    w, h = int(width * scale), int(height * scale)
    left, top = rng.integers(0, width - w + 1), rng.integers(0, height - h + 1)
    part = v2.functional.crop(turn, int(top), int(left), h, w)
    part = v2.functional.adjust_brightness(part, rng.uniform(0.6, 1.3))
    return v2.functional.adjust_contrast(part, rng.uniform(0.7, 1.2))


def embed(encoder: ClipEncoder, files: list[Path], view=None) -> np.ndarray:
    """Embeddings (n, d) of picture files, each through ``view`` first if it is given."""
    parts = []
    for start in Progress(range(0, len(files), BATCH), "embedding", unit="batches"):
        images = [uploads.picture(file) for file in files[start : start + BATCH]]
        parts.append(encoder.images([view(image) for image in images] if view else images))
    return np.concatenate(parts)


def seller_photos(raw: Path) -> tuple[list[Path], np.ndarray]:
    """Files of the sellers' photos and their categories, given by hand, both (n,).

    Raises StageError where a photo is missing.
    """
    with LABELS.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    files = [raw / "listings" / "photos" / f"{row['listing_id']}.jpg" for row in rows]
    if not all(file.is_file() for file in files):
        raise StageError(f"{raw}/listings/photos lacks photos that {LABELS.name} names")
    return files, np.array([row["category"] for row in rows])


def measure_prices(results: Results, listings: pd.DataFrame, shown: pd.DataFrame) -> None:
    """Adds a row by what of the listings with a photo is known; the model has seen none of them.

    shown: `normalized_category` and `normalized_gender` by the photo, indexed by `product_key`.
    """
    photographed = listings["product_key"].isin(shown.index)
    held = listings["group"].isin(listings["group"][photographed])
    level, stack = LevelOne.fit(listings[~held].reset_index(drop=True))
    model = ResalePriceModel.fit_trees(level, stack, results.run.seed[0], ranges=False)
    rows = listings[photographed].set_index("product_key").loc[shown.index]
    labels = ["normalized_category", "normalized_gender"]
    nothing = pd.DataFrame("", rows.index, [*TEXT, *labels]).assign(platform=rows["platform"])
    photo = nothing.assign(**{name: shown[name] for name in labels})
    text = nothing.assign(**{name: rows[name] for name in TEXT})
    cases = {
        "the platform": nothing,
        "the photo's category and gender": photo,
        "title and brand": text,
        "title, brand and the photo's": photo.assign(**{name: rows[name] for name in TEXT}),
        "all its fields": rows.drop(columns="price_usd"),
    }
    true = np.log(rows["price_usd"].to_numpy())
    for name, part in cases.items():
        guess = model.predict(part.reset_index(drop=True))
        results.add(knows=name, n_test=len(true), **fit.score(true, guess))
    results.finish(leaderboard(results.frame, ["knows"], PRICE_SCORES, "r2_log"))


def main() -> None:
    run = cli.run_config(cli.parse(cli.parser(__doc__)))
    files, category = seller_photos(run.paths.raw)
    data = dataset.load(run)
    train, _, test = dataset.sides(data.table)
    encoder = ClipEncoder(load_clip(run, torch_device(run.device)))
    products = data.table[["normalized_category", "normalized_gender"]].to_numpy(str)
    same = np.isin(products[test, 0], category) & (products[test, 1] == GENDER)
    photos = {
        "catalogue": (data.image[test[same]], products[test[same]]),
        "seller": (embed(encoder, files), np.stack([category, np.full(len(files), GENDER)], 1)),
    }
    rng = np.random.default_rng(run.seed[0])
    views = [run.paths.raw / name for name in data.table["image_path"].iloc[train]]
    views = embed(encoder, views, lambda image: seller_view(image, rng))
    learning = {
        "catalogue photos": (data.image[train], products[train]),
        "and drawn sellers' views": (
            np.concatenate([data.image[train], views]),
            np.concatenate([products[train]] * 2),
        ),
    }
    inputs = {**data.inputs, "labels": LABELS}
    results = Results(run.paths.results("seller_photos"), run, inputs, ("photos", "learns", "task"))
    shown = {}
    for name, (image, labels) in learning.items():
        for place, task in enumerate(("category", "gender")):
            head = LogisticRegression(C=30, max_iter=300).fit(image, labels[:, place])
            for kind, (photo, true) in photos.items():
                guess = head.predict(photo)
                if kind == "seller":
                    # The first head's: drawn views do not mend it.
                    shown.setdefault(f"normalized_{task}", guess)
                scores = {
                    "n_test": len(true),
                    "accuracy": accuracy_score(true[:, place], guess),
                    "f1_macro": f1_score(
                        *(true[:, place], guess), average="macro", labels=np.unique(true[:, place])
                    ),
                }
                results.add(photos=kind, learns=name, task=task, **scores)
    results.finish(leaderboard(results.frame, ["task", "photos", "learns"], SCORES, "accuracy"))
    prices = Results(run.paths.results("seller_photo_prices"), run, inputs, ("knows",))
    keys = [file.stem for file in files]
    data = fit.load(run)
    listings = pd.concat([data.learn, data.test], ignore_index=True)
    measure_prices(prices, listings, pd.DataFrame(shown, index=keys))


if __name__ == "__main__":
    cli.run(main)
