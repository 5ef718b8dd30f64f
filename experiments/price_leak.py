"""What the price in the study's text and its random split are worth in R2: the leak, measured.

    python -m experiments.price_leak --data-dir data/kaggle14k --raw-dir PATH

The same products are priced four times: with the study's text, which states a price, or clean
text; split at random, as the study did, or in groups. Two models read words (TF-IDF), the others
embeddings. The audit counts what leaks in each of the four, and stops if the honest one leaks.

Reads   dataset_with_llm.csv, the Fashion download (price, rating and VAT of the study's text)
Writes  results/price_leak.csv, results/price_leak_audit.csv; the embeddings of the study's text
        and their alignments go to <data-dir>/study_text/
"""

import time
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from common import cli, runtime
from common.artifacts import Paths, RunConfig, StageError, require
from common.dataset import Dataset
from common.embed import embeddings
from common.merge import leakage, splits
from common.merge.table import study_fields
from common.prices.features import STUDY_COLUMNS, PriceTask, load_products
from common.prices.fit import NETWORKS, PriceFit, fit_price, score
from common.product_table import listing_text, read_table
from common.results import Results
from common.training import torch_device

KEY = ("text", "split", "reads_as", "model", "features", "seed")
STUDY_TEXT = "study_text"  # a folder of its own, so that nothing of it can be taken for clean
# Cosine from which on two photos or texts are of one product, or of another colour of it.
NEAR = 0.98
MAX_TWINS = 0.01  # of the test rows, by photo and text both: more is another split than it says
# Words and pairs of words, numbers among them; one seen twice may be a price.
WORDS = {"min_df": 2, "sublinear_tf": True, "ngram_range": (1, 2), "max_features": 50_000}
TREE_WORDS = {"min_df": 5, "max_features": 1_500}  # trees are slow on many words
MODELS = [("embeddings", name) for name in (*NETWORKS, "LightGBM")]
MODELS += [("words", name) for name in ("Ridge", "LightGBM")]


def load_condition(run: RunConfig, table: pd.DataFrame, text: str) -> Dataset:
    """The products under one condition (``run.split``, ``text``) with embeddings of their own."""
    if text == "clean":
        return load_products(run, clusters=False)
    leaky = table.copy()
    leaky["description"] += leaky["product_key"].map(study_fields(run.paths.fashion_raw)).fillna("")
    leaky["description"] = leaky["description"].str.strip()
    if run.split == "random":
        leaky["split"] = splits.random_split(leaky, seed=0)
    paths = Paths(run.paths.data / STUDY_TEXT, run.paths.raw)
    paths.cache = run.paths.cache  # the pictures are the same
    files = embeddings.ensure(replace(run, paths=paths), leaky)
    image, words = (np.load(path) for path in files)
    rows = np.flatnonzero(~np.isnan(image[:, 0]))
    if run.limit and run.limit < len(rows):  # the same rows as of the clean text
        rows = np.sort(np.random.default_rng(0).choice(rows, run.limit, replace=False))
    return Dataset(leaky.iloc[rows].reset_index(drop=True), image[rows], words[rows], "study")


def audit(dataset: Dataset, text: str, split: str) -> dict:
    """What leaks, by source where it differs, and near twins of test products.

    Raises StageError where the honest condition, clean text and grouped split, leaks.
    """
    table = dataset.table
    counts = leakage.audit(table, text, split)
    leaky = leakage.leaky_rows(table)[table["dataset_source"] == "FASHION"]
    photos, texts = (near_duplicates(table, rows) for rows in (dataset.image, dataset.text))
    twins, tested = int((photos & texts).sum()), int((table["split"] == "test").sum())
    if (text, split) == ("clean", "grouped") and twins > MAX_TWINS * tested:
        raise StageError(
            f"{twins} of {tested} test products have a near twin, by photo and text, among "
            "those learned from; run Use_LLM_for_preprocess.py --force"
        )
    row = {"rows": counts["rows"], "own_price": counts["own price"]}
    row |= {"own_price_share_fashion": float((leaky == "own price").mean())}
    row |= {"amount_of_money": counts["amount of money"], "test_rows": tested}
    row |= {f"{name}_across": counts[name] for name in ("products", "groups", "texts")}
    return row | {"near_photos": photos.sum(), "near_texts": texts.sum(), "near_both": twins}


def near_duplicates(
    table: pd.DataFrame, embeddings: np.ndarray, threshold: float = NEAR
) -> np.ndarray:
    """Which test rows have a training or validation row at least that similar: bool (n_rows,).

    ``embeddings``: (n_rows, d), L2-normalised; rows of NaN are passed over. ``threshold``: cosine.
    """
    usable = ~np.isnan(embeddings[:, 0])
    tested = usable & (table["split"] == "test").to_numpy()
    rest = np.asarray(embeddings[usable & ~tested], np.float32)
    near, rows = np.zeros(len(table), bool), np.flatnonzero(tested)
    for start in range(0, len(rows) if len(rest) else 0, 1024):
        block = rows[start : start + 1024]
        cosine = np.asarray(embeddings[block], np.float32) @ rest.T
        near[block] = cosine.max(axis=1) >= threshold
    return near


def fit_words(model: str, task: PriceTask, seed: int) -> PriceFit:
    """Prices from the words of title and description alone: TF-IDF into Ridge or LightGBM."""
    texts = np.array(listing_text(task.dataset.table), dtype=object)
    started = time.perf_counter()
    words = TfidfVectorizer(**(WORDS if model == "Ridge" else WORDS | TREE_WORDS))
    learned = words.fit_transform(texts[task.learn]).astype(np.float32)
    cores = runtime.cpu_count()
    trees = LGBMRegressor(n_estimators=200, random_state=seed, n_jobs=cores, verbose=-1)
    fitted = (Ridge(1.0) if model == "Ridge" else trees).fit(learned, task.usd[task.learn])
    seconds = time.perf_counter() - started
    usd = fitted.predict(words.transform(texts[task.test]).astype(np.float32))
    return PriceFit(usd, task.learn, seconds)


def main() -> None:
    run = cli.run_config(cli.parse(cli.parser(__doc__)))
    device = torch_device(run.device)
    table = read_table(require(run.paths.llm, "python Use_LLM_for_preprocess.py"))
    table = table[table["market"] == "retail"].reset_index(drop=True)
    inputs = {"table": run.paths.llm, "raw": str(run.paths.fashion_raw.name)}
    settings = {"near": NEAR, "words": WORDS, "tree_words": TREE_WORDS}
    results, audits = (
        Results(run.paths.results(name), run, inputs, key, settings)
        for name, key in (("price_leak", KEY), ("price_leak_audit", KEY[:2]))
    )
    for text, split in product(("clean", "study"), ("grouped", "random")):
        dataset = load_condition(replace(run, split=split), table, text)
        audits.add(text=text, split=split, **audit(dataset, text, split))
        task = PriceTask.build(dataset, list(STUDY_COLUMNS))
        for seed, (reads_as, model) in product(run.seed, MODELS):
            row = {"text": text, "split": split, "features": "study", "seed": seed}
            row |= {"reads_as": reads_as, "model": model}
            if not results.done(**row):
                by_words = reads_as == "words"
                fit = fit_words if by_words else partial(fit_price, device=device)
                results.add(**row, **score(fit(model, task, seed), task))
    results.finish()
    audits.finish()


if __name__ == "__main__":
    cli.run(main)
