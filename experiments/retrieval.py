"""How well the pictures and texts of any CLIP find each other among the test products.

Recall among 1,000 test products (all, where a source has fewer), over five draws: a text finds its
own picture first, or among the first ten, and the reverse. Sub-category P@1: the picture nearest to
the name of a product type is of that type. Zero-shot category: the category whose words are nearest
to a picture is the true one. No label is seen in training for either.

    python -m experiments.retrieval --data-dir data/kaggle14k --raw-dir PATH   # the embedded CLIP
    python -m experiments.retrieval --data-dir data/kaggle14k --raw-dir PATH --clip PATH_OR_NAME

Reads  dataset_with_llm.csv, img_emb.npy, wrd_emb.npy; another CLIP embeds the test products only
Writes results/retrieval.csv, to which a run adds its model
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from common import cli, dataset, metrics, presets
from common.artifacts import RunConfig
from common.embed import encoders
from common.embed.align import untrained_clip
from common.embed.encoders import ClipEncoder
from common.embed.models import Clip, load_clip
from common.product_table import listing_text
from common.results import Results, leaderboard
from common.training import torch_device

CHANCE = "Chance"
DRAWS, AMONG = 5, 1000
KEY = ("model", "products", "split", "text")
SOURCES = ("mixed", "FASHION", "HNM")

# What a listing would call the things of a category.
CATEGORY_WORDS = {
    "Tops": ("T-shirt", "top", "tunic", "polo shirt"),
    "Shirts": ("shirt", "blouse", "button-down shirt"),
    "Knitwear": ("sweater", "jumper", "knitted cardigan", "sweatshirt", "hoodie"),
    "Outerwear": ("jacket", "coat", "blazer"),
    "Bottomwear": ("trousers", "jeans", "shorts", "skirt", "leggings"),
    "Dresses": ("dress", "jumpsuit"),
    "Innerwear": ("bra", "briefs", "boxer shorts", "underwear", "pyjamas"),
    "Swimwear": ("bikini", "swimsuit", "swim shorts"),
    "Ethnic": ("kurta", "saree", "salwar", "dupatta"),
    "Shoes": ("shoes", "sandals", "sneakers", "boots", "flip flops"),
    "Accessories": ("bag", "belt", "cap", "sunglasses", "scarf", "wallet"),
}


def class_embeddings(encode: Callable, words: list[tuple[str, ...]]) -> np.ndarray:
    """(n_classes, d): normalised means of what the classes are called; encode: texts -> (n, d)."""
    classes = np.stack([encode(list(names)).mean(axis=0) for names in words])
    return classes / np.linalg.norm(classes, axis=1, keepdims=True)


def type_precision(image: np.ndarray, names: np.ndarray, types: np.ndarray) -> float:
    """Share of types whose name (n_types, d) is nearest to a picture (n, d) of types (n,) alike."""
    return float((types[(names @ image.T).argmax(axis=1)] == np.arange(len(names))).mean())


def zero_shot(image: np.ndarray, classes: np.ndarray, labels: np.ndarray) -> float:
    """Share of pictures (n, d) whose label (n,) is the nearest of `classes` (n_classes, d)."""
    return float(((image @ classes.T).argmax(axis=1) == labels).mean())


def chance(types: np.ndarray, classes: int, among: int) -> dict:
    """The scores of guessing; types (n,): numbers of the product types."""
    shares = np.bincount(types) / len(types)
    directions = ("text_to_image", "image_to_text")
    recall = {f"{name}@{k}": min(1.0, k / among) for name in directions for k in (1, 10)}
    precision = float(shares[shares > 0].mean())
    by_class = {"type_precision@1": precision, "zero_shot_category": 1 / classes}
    return {**recall, "among": among, **by_class}


def evaluate(results: Results, base: dict, name: str, table, image, text, encode) -> None:
    """Adds the rows of a CLIP, and of chance, to ``results``.

    table: the test products; image, text: their embeddings; encode: texts -> embeddings.
    """
    category, classes = dataset.labels(table, "category")
    words = class_embeddings(encode, [CATEGORY_WORDS[label] for label in classes])
    for products in SOURCES:
        rows = np.flatnonzero((table["dataset_source"] == products) | (products == "mixed"))
        if not len(rows):
            continue
        types, names = pd.factorize(table["product_type"].iloc[rows])
        names = encode([type_name.replace("/", ", ") for type_name in names])
        scores = metrics.retrieval(image[rows], text[rows], among=AMONG, draws=DRAWS) | {
            "type_precision@1": type_precision(image[rows], names, types),
            "zero_shot_category": zero_shot(image[rows], words, category[rows]),
        }
        guess = chance(types, len(classes), scores["among"])
        for model, values in ((CHANCE, guess), (name, scores)):
            results.add(model=model, products=products, **base, **values, n_test=len(rows))


def embed(run: RunConfig, clip: Clip, table: pd.DataFrame) -> list[np.ndarray]:
    """Image and text embeddings (n, d) of the products by any CLIP."""
    image_tower, text_tower = encoders.clip_towers(clip)
    files = [run.paths.raw / path for path in table["image_path"]]
    image, _ = encoders.image_features(run.paths.cache, files, image_tower)
    text = encoders.text_features(run.paths.cache, listing_text(table), text_tower)
    return [encoders.project(image, image_tower), encoders.project(text, text_tower)]


def main() -> None:
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip")
    run = cli.run_config(cli.parse(parser))
    # The table as every stage sees it, and the embedded CLIP's embeddings in any case: they say
    # which rows have a picture that can be decoded.
    data = dataset.load(replace(run, preset="embedded", clip=None))
    rows = dataset.sides(data.table)[2]
    table = data.table.iloc[rows].reset_index(drop=True)
    base = {"split": run.split, "text": data.text_setting}
    results = Results(run.paths.results("retrieval"), run, data.inputs, KEY)
    device = torch_device(run.device)
    clip = load_clip(run, device)
    if run.clip is None and presets.CLIP[run.preset] == presets.FASHION_LITE:
        raw, name = untrained_clip(device), f"{clip.identity['name']}, not aligned"
        embedded = embed(run, raw, table)
        evaluate(results, base, name, table, *embedded, ClipEncoder(raw).texts)
        pair = (np.asarray(part[rows]) for part in (data.image, data.text))
    else:
        pair = embed(run, clip, table)
    evaluate(results, base, clip.identity["name"], table, *pair, ClipEncoder(clip).texts)
    titles = {"text_to_image@1": "text to picture @1", "text_to_image@10": "@10"}
    titles["zero_shot_category"] = "zero-shot category"
    columns = {name: (title, "{:.3f}") for name, title in titles.items()}
    index = ["products", "model"]
    results.finish(leaderboard(results.frame, index, columns, "text_to_image@1", baseline=CHANCE))


if __name__ == "__main__":
    cli.run(main)
