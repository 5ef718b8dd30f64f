"""How well a CLIP's pictures and texts of the test products find each other: one evaluator for all.

Recall is taken among 1,000 test products (all, where a source has fewer), over five draws of them:
a text finds its own picture first, or among the first ten, and the reverse. Sub-category P@1: the
picture nearest to the name of a product type is of that type. Zero-shot category: the category
whose words are nearest to a picture is its own. No label has been seen in training for either.

    python -m experiments.retrieval --data-dir data/kaggle14k --raw-dir PATH
    python -m experiments.retrieval --data-dir data/kaggle14k --raw-dir PATH --clip PATH_OR_NAME

Reads  <data-dir>/dataset_with_llm.csv, its embeddings (made first where missing); of another CLIP
       only the test products are embedded, and kept in <data-dir>/cache
Writes <data-dir>/results/retrieval.csv; a run adds its model to it, so that they stand side by side
"""

from __future__ import annotations

import numpy as np

from common import cli, metrics, presets, product_table
from common.training import torch_device

CHANCE = "Chance"
DRAWS, AMONG = 5, 1000
KEY = ("model", "products", "split", "text")
PRODUCTS = {"mixed": None, "FASHION": "FASHION", "HNM": "HNM"}

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


def type_precision(image: np.ndarray, names: np.ndarray, types: np.ndarray) -> float:
    """Share of product types whose name's nearest picture is of that type.

    Parameters: image (n, d) and names (n_types, d), L2-normalised; types (n,): the number of each
    picture's type.
    """
    return float((types[(names @ image.T).argmax(axis=1)] == np.arange(len(names))).mean())


def zero_shot(image: np.ndarray, words: list[np.ndarray], labels: np.ndarray) -> float:
    """Share of pictures (n, d) whose label (n,) is the class with the nearest mean of words.

    ``words``: per class the L2-normalised embeddings of what it is called.
    """
    classes = np.stack([each.mean(axis=0) for each in words])
    classes /= np.linalg.norm(classes, axis=1, keepdims=True)
    return float(((image @ classes.T).argmax(axis=1) == labels).mean())


def chance(types: np.ndarray, classes: int, among: int) -> dict:
    """What guessing scores: the figures of :func:`score` without a model."""
    shares = np.bincount(types) / len(types)
    recalls = {f"{one}@{k}": min(1.0, k / among) for one in _DIRECTIONS for k in (1, 10)}
    return {
        **recalls,
        "among": among,
        "type_precision@1": float(shares[shares > 0].mean()),
        "zero_shot_category": 1 / classes,
    }


_DIRECTIONS = ("text_to_image", "image_to_text")


def evaluate(results, said: dict, name: str, table, image, text, encode) -> None:
    """Adds the rows of one CLIP, and of chance, to ``results``.

    Parameters: table: the test products; image, text: their embeddings; encode: texts ->
    embeddings, for the words of types and categories.
    """
    import pandas as pd

    from common.dataset import labels

    category, classes = labels(table, "category")
    words = [encode(list(CATEGORY_WORDS[one])) for one in classes]
    for products, source in PRODUCTS.items():
        rows = np.flatnonzero((table["dataset_source"] == source) | (source is None))
        if not len(rows):
            continue
        types, type_names = pd.factorize(table["product_type"].iloc[rows])
        named = encode([type_name.replace("/", ", ") for type_name in type_names])
        measured = metrics.retrieval(image[rows], text[rows], among=AMONG, draws=DRAWS) | {
            "type_precision@1": type_precision(image[rows], named, types),
            "zero_shot_category": zero_shot(image[rows], words, category[rows]),
        }
        guessed = chance(types, len(classes), measured["among"])
        for model, figures in ((CHANCE, guessed), (name, measured)):
            results.add(model=model, products=products, **said, **figures, n_test=len(rows))


def main() -> None:
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip")
    args = cli.parse(parser)

    from common import dataset
    from common.embed.align import untrained_clip
    from common.embed.encoders import (
        ClipEncoder,
        clip_heads,
        clip_towers,
        image_features,
        project,
        text_features,
    )
    from common.embed.models import load_clip
    from common.results import Results

    # The table as every stage sees it, and the embedded CLIP's embeddings in any case: they say
    # which rows have a picture that can be decoded.
    chosen, args.clip = args.clip, None
    own = chosen is None and presets.CLIP[args.preset] == presets.FASHION_LITE
    args.preset, preset = ("embedded", args.preset)
    data = dataset.load(cli.run_config(args))
    args.preset, args.clip = preset, chosen
    rows = dataset.sides(data.table)[2]
    table = data.table.iloc[rows].reset_index(drop=True)
    said = {"split": args.split, "text": data.text_setting}
    results = Results(args.paths.results("retrieval"), args, data.inputs, KEY)
    device = torch_device(args.device)

    def embedded(clip):
        image_tower, text_tower = clip_towers(clip)
        image_head, text_head = clip_heads(clip)
        files = [args.paths.raw / path for path in table["image_path"]]
        image, _ = image_features(args.paths.cache, files, image_tower)
        text = text_features(args.paths.cache, product_table.listing_text(table), text_tower)
        return (project(image, image_head, device), project(text, text_head, device))

    if own:
        clip = untrained_clip(device)
        name = f"{clip.info['name']}, not aligned"
        encode = ClipEncoder(clip).texts
        evaluate(results, said, name, table, *embedded(clip), encode)
        clip = load_clip(cli.run_config(args), device)
        pair = (np.asarray(each[rows]) for each in (data.image, data.text))
    else:
        clip = load_clip(cli.run_config(args), device)
        pair = embedded(clip)
    evaluate(results, said, clip.info["name"], table, *pair, ClipEncoder(clip).texts)
    results.finish()


if __name__ == "__main__":
    cli.run(main)
