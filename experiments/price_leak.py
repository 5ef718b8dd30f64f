"""The leak, measured: what the price in the study's text and its random split are worth in R2.

    python -m experiments.price_leak --data-dir data/kaggle14k --raw-dir PATH        after stage 1
    python -m experiments.price_leak --data-dir data/sample                      the drawn catalogue

The same products are priced four times: with the study's text, which states a price, or clean
text; split at random, as the study did, or in groups. How much of a stated price a model can see
depends on how it reads, so two models read words (TF-IDF) beside those that read embeddings. The
audit counts what leaks in each of the four, and stops the command if the honest one leaks.

Reads   dataset_with_llm.csv, the Fashion download (price, rating and VAT of the study's text)
Writes  results/price_leak.csv, results/price_leak_audit.csv; the embeddings of the study's text
        and their alignments go to <data-dir>/study_text/
"""

import argparse
import time

import numpy as np
import pandas as pd
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from common import cli, product_table
from common.artifacts import Paths, StageError, require
from common.dataset import Dataset
from common.embed import embeddings
from common.merge import leakage, splits
from common.merge.table import study_fields
from common.prices import features as pricing
from common.prices.trees import plain_lightgbm
from common.product_table import read_table
from common.results import Results
from common.training import torch_device
from experiments import price_models as price_contest

STAGE, AUDIT = "price_leak", "price_leak_audit"
KEY = ("text", "split", "reads_as", "model", "features", "seed")
AUDIT_KEY = ("text", "split")
STUDY_TEXT = "study_text"  # a folder of its own, so that nothing of it can be taken for clean
# Near enough to be one product's photo or text, or another colour of it.
NEAR = 0.98
MOST_TWINS = 0.01  # of the test rows, by photo and text both: more is another split than it says
# Words and pairs of words, numbers among them; one seen twice may be a price.
WORDS = {"min_df": 2, "sublinear_tf": True, "ngram_range": (1, 2), "max_features": 50_000}
TREE_WORDS = {"min_df": 5, "max_features": 1_500}  # trees are slow on many words


def measure(args: argparse.Namespace) -> None:
    """Audits and prices under each of the four conditions, what is there already left out."""
    device = torch_device(args.device)
    table = read_table(require(args.paths.llm, "python Use_LLM_for_preprocess.py"))
    inputs = {"table": args.paths.llm, "raw": str(args.paths.fashion_raw.name)}
    settings = {"near": NEAR, "words": WORDS, "tree_words": TREE_WORDS}
    results = Results(args.paths.results(STAGE), args, inputs, KEY, settings)
    audits = Results(args.paths.results(AUDIT), args, inputs, AUDIT_KEY, settings)
    for text in ("clean", "study"):
        for split in ("grouped", "random"):
            dataset = load(args, table, text, split)
            # The honest one: no price in a text, no product on two sides, or the run stops.
            counted = counts(dataset, leakage.audit(dataset.table, text, split))
            twins, tested = counted["near_both"], counted["test_rows"]
            if (text, split) == ("clean", "grouped") and twins > MOST_TWINS * tested:
                raise StageError(
                    f"{twins} of {tested} test products have a near twin, by photo and text, among "
                    "those learned from; run Use_LLM_for_preprocess.py --force"
                )
            if not audits.done(text=text, split=split):
                audits.add(text=text, split=split, **counted)
            for seed in args.seed:
                _contest(results, dataset, seed, device, split)
    results.finish()
    audits.finish()


def load(args: argparse.Namespace, table: pd.DataFrame, text: str, split: str) -> Dataset:
    """The products under one condition: a Dataset with its own embeddings."""
    if text == "clean":
        return price_contest.load(args, split)
    leaky = table.copy()
    fields = study_fields(args.paths.fashion_raw)
    leaky["description"] += leaky["product_key"].map(fields).fillna("")
    leaky["description"] = leaky["description"].str.strip()
    if split == "random":
        leaky["split"] = splits.random_split(leaky, seed=0)
    apart = argparse.Namespace(**vars(args))
    apart.split, apart.clip = split, None
    apart.paths = Paths(args.paths.data / STUDY_TEXT, args.paths.raw)
    apart.paths.cache = args.paths.cache  # the pictures are the same
    image, words = (np.load(path) for path in embeddings.ensure(apart, leaky))
    rows = np.flatnonzero(~np.isnan(image[:, 0]))
    if args.limit and args.limit < len(rows):  # the same rows as of the clean text
        rows = np.sort(np.random.default_rng(0).choice(rows, args.limit, replace=False))
    leaky = leaky.iloc[rows].reset_index(drop=True)
    return Dataset(leaky, image[rows], words[rows], "study")


def counts(dataset: Dataset, report: dict[str, int]) -> dict:
    """What the audit counted, by source where it differs, and near twins of test products."""
    table = dataset.table
    leaky = leakage.leaky_rows(table)
    fashion = table["dataset_source"] == "FASHION"
    near = {
        name: near_duplicates(table, rows)
        for name, rows in (("photo", dataset.image), ("text", dataset.text))
    }
    return {
        "rows": report["rows"],
        "own_price": report["own price"],
        "own_price_share_fashion": float((leaky[fashion] == "own price").mean()),
        "amount_of_money": report["amount of money"],
        "test_rows": int((table["split"] == "test").sum()),
        "products_across": report["products"],
        "groups_across": report["groups"],
        "texts_across": report["texts"],
        "near_photos": int(near["photo"].sum()),
        "near_texts": int(near["text"].sum()),
        "near_both": int((near["photo"] & near["text"]).sum()),
    }


def near_duplicates(
    table: pd.DataFrame, embeddings: np.ndarray, threshold: float = NEAR
) -> np.ndarray:
    """Which test rows have a training or validation row at least that similar: bool (n_rows,).

    ``embeddings``: (n_rows, d), L2-normalised, in the order of ``table``; rows that are NaN
    are passed over. ``threshold``: cosine similarity.
    """
    usable = ~np.isnan(embeddings[:, 0])
    tested = usable & (table["split"] == "test").to_numpy()
    test = np.asarray(embeddings[tested], np.float32)
    rest = np.asarray(embeddings[usable & ~tested], np.float32)
    near = np.zeros(len(table), bool)
    if len(rest) and len(test):
        blocks = (test[start : start + 1024] @ rest.T for start in range(0, len(test), 1024))
        near[tested] = np.concatenate([block.max(axis=1) for block in blocks]) >= threshold
    return near


def _contest(
    results: Results, dataset: Dataset, seed: int, device: torch.device, split: str
) -> None:
    sides = price_contest.sides(dataset)
    columns = pricing.columns(dataset.table, pricing.EXPERIMENTS["metadata"], "study")
    row = {"text": dataset.text_setting, "split": split, "features": "study", "seed": seed}
    for model in (*price_contest.NETWORKS, "LightGBM"):
        if not results.done(**row, reads_as="embeddings", model=model):
            priced = price_contest.fit(model, dataset, columns, sides, seed, device)
            found = price_contest.scores(dataset, sides[2], priced)
            results.add(**row, reads_as="embeddings", model=model, **found)
    for model in ("Ridge", "LightGBM"):
        if not results.done(**row, reads_as="words", model=model):
            priced = by_words(model, dataset.table, sides, seed)
            found = price_contest.scores(dataset, sides[2], priced)
            results.add(**row, reads_as="words", model=model, **found)


def by_words(
    model: str, table: pd.DataFrame, sides: tuple[np.ndarray, ...], seed: int
) -> price_contest.Priced:
    """Prices from the words of title and description alone: TF-IDF into Ridge or LightGBM."""
    learn, test = np.concatenate(sides[:2]), sides[2]
    texts = np.array(product_table.listing_text(table), dtype=object)
    usd = table["price_usd"].to_numpy()
    started = time.perf_counter()
    words = TfidfVectorizer(**(WORDS if model == "Ridge" else WORDS | TREE_WORDS))
    seen = words.fit_transform(texts[learn]).astype(np.float32)
    if model == "Ridge":
        fitted = Ridge(1.0).fit(seen, usd[learn])
    else:
        fitted = plain_lightgbm(seed, n_estimators=200, learning_rate=0.1).fit(seen, usd[learn])
    seconds = time.perf_counter() - started
    predicted = fitted.predict(words.transform(texts[test]).astype(np.float32))
    return price_contest.Priced(predicted, learn, seconds)


def main() -> None:
    measure(cli.parse(cli.parser(__doc__)))


if __name__ == "__main__":
    cli.run(main)
