"""Errors, coverage and refusals of listing prices: on test products, and on inputs that are none.

    python -m experiments.listing_pricing --data-dir data/sample

Reads  what stage 4b reads, models/pricing/ (python -m pricing.calibrate)
Writes results/listing_pricing.csv (by what a listing brings), results/ood.csv (shares refused)
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_union
from sklearn.svm import LinearSVC

from common import cli, dataset, metrics
from common.dataset import TASKS
from common.product_table import listing_text
from common.results import Results, aligned, leaderboard
from pricing import ood
from pricing.calibrate import not_worn_photos, simulated_listings
from pricing.listing_model import seller_lines
from pricing.models import CALIBRATION, FOLDER
from pricing.predictor import ListingInput, PricePredictor

MAX_INPUTS = 200  # of a kind
MEASURED = ("r2", "mae", "mdape", "coverage", "median_width")
SCORES = {"r2": ("R2", "{:.3f}"), "mae": ("MAE", "{:.2f}"), "mdape": ("median error", "{:.1%}")}
SCORES |= {"coverage": ("coverage", "{:.1%}"), "category": ("category", "{:.1%}")}
SCORES |= {"ridge_r2": ("R2 of the ridge", "{:.3f}"), "svc_category": ("SVC", "{:.1%}")}


def measure_prices(
    results: Results, predictor: PricePredictor, learned: pd.DataFrame, products, listings
) -> None:
    """Adds a row by what listings of the products bring; prints a table.

    Beside it stands what words alone tell: a ridge regression on TF-IDF for the log price and a
    linear SVC for the category, both learned from the same view of the ``learned`` products.
    """
    true, source = (products[name].to_numpy() for name in ("price_usd", "dataset_source"))
    views = {"title": learned["title"].tolist(), "seller's line": seller_lines(learned)}
    views["title and description"] = listing_text(learned)
    for name, (image, _, texts) in listings.items():
        words = [predictor.words(reading, {}) for reading in predictor.read(texts)]
        (usd, low, high), labels = predictor.price(*zip(*words, strict=True), image)
        row = metrics.regression(true, usd, source) | metrics.interval(true, low, high)
        row = {"listing": name, "n_test": len(true)} | {score: row[score] for score in MEASURED}
        for task, odds in labels.items():
            named = np.array(predictor.model.classes[task], dtype=object)[odds.argmax(axis=1)]
            row[task] = float((named == products[TASKS[task][0]].to_numpy()).mean())
        for key in np.unique(source):
            part = metrics.interval(*(values[source == key] for values in (true, low, high)))
            row[f"coverage_{key.lower()}"] = part["coverage"]
        view = name.removeprefix("photo, ").removeprefix("photo and ")
        if view in views:
            row |= words_alone(learned, views[view], products, texts)
        results.add(**row)
    results.finish(leaderboard(results.frame, ["listing"], SCORES, best="r2"))


def words_alone(learned, texts: list[str], products, tested: list[str]) -> dict[str, float]:
    """R2 and median error of a ridge, accuracy of a linear SVC for the category."""
    common = {"sublinear_tf": True, "dtype": np.float32}
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, token_pattern=r"\b\w+\b", **common)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), min_df=2, **common)
    union = make_union(words, letters)
    matrix, test = union.fit_transform(texts), union.transform(tested)
    ridge = Ridge(1.0, solver="sparse_cg").fit(matrix, np.log(learned["price_usd"].to_numpy()))
    svc = LinearSVC(C=0.5).fit(matrix, learned["normalized_category"].to_numpy())
    true, source = (products[name].to_numpy() for name in ("price_usd", "dataset_source"))
    score = metrics.regression(true, np.exp(ridge.predict(test)), source)
    right = svc.predict(test) == products["normalized_category"].to_numpy()
    return {
        "ridge_r2": score["r2"],
        "ridge_mdape": score["mdape"],
        "svc_category": float(right.mean()),
    }


def measure_refusals(results: Results, predictor: PricePredictor, products, listings) -> None:
    """Adds a row by kind of input: products, contradictory listings, inputs that are no listing."""
    estimates = {
        f"test products: {name}": predictor.estimate(
            image, text, predictor.read(texts), [{}] * len(texts)
        )
        for name, (image, text, texts) in listings.items()
    }
    image, text, titles = listings["photo and title"]
    order = np.random.default_rng(0).permutation(len(titles))
    category = products["normalized_category"].to_numpy()
    rows = np.flatnonzero(category != category[order])[:MAX_INPUTS]
    readings = predictor.read([titles[row] for row in order[rows]])
    mixed = image[rows], text[order[rows]], readings, [{}] * len(rows)
    estimates["photo and title of products of two categories"] = predictor.estimate(*mixed)
    for name, inputs in no_listings(results.run.paths.fashion_raw).items():
        estimates[name] = predictor.predict(inputs)
    table = [["input", "n", "priced", "with warning", "refused"]]
    for name, answers in estimates.items():
        if answers:
            refused = np.array([answer.price_usd is None for answer in answers])
            warned = np.array([bool(answer.doubts) for answer in answers])
            shares = [float(part.mean()) for part in (~refused & ~warned, warned, refused)]
            row = dict(zip(("priced", "with_warning", "refused"), shares, strict=True))
            results.add(input=name, n=len(answers), **row)
            table.append([name, str(len(answers)), *(f"{share:.1%}" for share in shares)])
    results.finish(aligned(table))


def no_listings(fashion_raw: Path) -> dict[str, list[ListingInput]]:
    """Drawings, photos of what is not worn (perfume, toys), texts that say nothing."""
    inputs = {k: [ListingInput("", image) for image in v] for k, v in ood.drawings().items()}
    photos = not_worn_photos(fashion_raw, learn=False)[:MAX_INPUTS]
    inputs["photos of what is not worn"] = [ListingInput(image=photo) for photo in photos]
    inputs["gibberish"] = [ListingInput(text) for text in gibberish()]
    inputs["empty text"] = [ListingInput(text) for text in ("", " ", "\n", "...", "?!")]
    return inputs


def gibberish(count: int = 100) -> list[str]:
    """Lines of six strings of letters that are no words."""
    rng, letters = np.random.default_rng(1), list("bcdfghjklmnpqrstvwxzaeiou")
    words = ["".join(rng.choice(letters, rng.integers(3, 9))) for _ in range(6 * count)]
    return [" ".join(words[start : start + 6]) for start in range(0, len(words), 6)]


def main() -> None:
    run = cli.run_config(cli.parse(cli.parser(__doc__)))
    predictor, data = PricePredictor.load(run), dataset.load(run)
    test = dataset.sides(data.table)[2]
    products = data.table.iloc[test]
    learned = data.table.iloc[np.concatenate(dataset.sides(data.table)[:2])]
    listings = simulated_listings(predictor.encoder, data, test)
    inputs = data.inputs | {"calibration": run.paths.model(FOLDER, CALIBRATION)}
    prices = Results(run.paths.results("listing_pricing"), run, inputs, ("listing",))
    measure_prices(prices, predictor, learned, products, listings)
    refusals = Results(run.paths.results("ood"), run, inputs, ("input",))
    measure_refusals(refusals, predictor, products, listings)


if __name__ == "__main__":
    cli.run(main)
