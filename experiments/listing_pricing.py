"""Errors, coverage and refusals of listing prices: on test products, and on inputs that are none.

    python -m experiments.listing_pricing --data-dir data/sample

Reads  what stage 4b reads, models/pricing/ (python -m pricing.calibrate)
Writes results/listing_pricing.csv (by what a listing brings), results/ood.csv (shares refused)
"""

import contextlib
import csv
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from common import cli, dataset, metrics
from common.embed.images import BrokenImageError
from common.merge.taxonomy import FASHION_DROPPED
from common.results import Results, aligned, leaderboard
from pricing import uploads
from pricing.calibrate import simulated_listings
from pricing.listing import by_modality
from pricing.predictor import CALIBRATION, FOLDER, ListingInput, PricePredictor

MAX_INPUTS = 200  # of a kind
SCORES = {"r2": ("R2", "{:.3f}"), "mae": ("MAE", "{:.2f}"), "mdape": ("median error", "{:.1%}")}
SCORES |= {"coverage": ("coverage", "{:.1%}"), "median_width": ("median width", "{:.2f}")}


def measure_prices(results: Results, predictor: PricePredictor, products, listings) -> None:
    """Adds a row by what listings of the products bring; prints a table."""
    true, source = (products[name].to_numpy() for name in ("price_usd", "dataset_source"))
    for name, (image, text, texts) in listings.items():
        matrix = predictor.models.features(predictor.reader, image, text, texts).matrix
        usd, quantiles = (output.mean(axis=1) for output in predictor.models.outputs(matrix))
        modality = next(kind for kind, rows in by_modality(image, text).items() if len(rows))
        low, high = predictor.margins[modality].interval(usd, quantiles[:, 0], quantiles[:, -1])
        row = metrics.regression(true, usd, source) | metrics.interval(true, low, high)
        row = {"listing": name, "n_test": len(true)} | {score: row[score] for score in SCORES}
        for key in np.unique(source):
            part = metrics.interval(*(values[source == key] for values in (true, low, high)))
            row[f"coverage_{key.lower()}"] = part["coverage"]
        results.add(**row)
    results.finish(leaderboard(results.frame, ["listing"], SCORES, best="r2"))


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
    inputs = {k: [ListingInput("", image) for image in v] for k, v in drawings().items()}
    styles, photos = fashion_raw / "styles.csv", []
    lines = styles.read_text("utf-8").splitlines() if styles.is_file() else []
    rows = [row for row in csv.DictReader(lines) if row.get("articleType") in FASHION_DROPPED]
    for row in rows[:MAX_INPUTS]:
        file = fashion_raw / "images" / f"{row['id']}.jpg"
        with contextlib.suppress(BrokenImageError):
            photos.append(ListingInput(image=uploads.picture(file)))
    inputs["photos of what is not worn"] = photos
    inputs["gibberish"] = [ListingInput(text) for text in gibberish()]
    inputs["empty text"] = [ListingInput(text) for text in ("", " ", "\n", "...", "?!")]
    return inputs


def drawings(count: int = 8) -> dict[str, list[Image.Image]]:
    """``count`` pictures of each kind that show no garment, always the same."""
    rng, (width, height) = np.random.default_rng(0), (240, 320)
    kinds = ("blank", "noise", "gradient", "scribble", "page of text")
    blank = Image.new("RGB", (width, height), "white")
    pictures = {kind: [blank.copy() for _ in range(count)] for kind in kinds}
    for picture in pictures["blank"]:
        picture.paste(tuple(map(int, rng.integers(0, 256, 3))), (0, 0, width, height))
    for picture in pictures["noise"]:
        picture.paste(Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)))
    for picture in pictures["gradient"]:
        rows = np.linspace(*rng.integers(0, 256, (2, 3)), height)[:, None].repeat(width, axis=1)
        picture.paste(Image.fromarray(rows.astype(np.uint8)))
    for picture in pictures["scribble"]:
        points = [tuple(map(int, point)) for point in rng.integers(0, 240, (40, 2))]
        ImageDraw.Draw(picture).line(points, tuple(map(int, rng.integers(0, 200, 3))), 3)
    for picture in pictures["page of text"]:
        for y in range(10, height - 12, 14):
            line = "".join(rng.choice(list("abcdefgh ijklmn "), 34))
            ImageDraw.Draw(picture).text((12, y), line, "black")
    return {f"{kind}, drawn": images for kind, images in pictures.items()}


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
    listings = simulated_listings(predictor.models.encoder, data, test)
    inputs = data.inputs | {"calibration": run.paths.model(FOLDER, CALIBRATION)}
    prices = Results(run.paths.results("listing_pricing"), run, inputs, ("listing",))
    measure_prices(prices, predictor, products, listings)
    refusals = Results(run.paths.results("ood"), run, inputs, ("input",))
    measure_refusals(refusals, predictor, products, listings)


if __name__ == "__main__":
    cli.run(main)
