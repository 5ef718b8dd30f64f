"""Fits out-of-distribution thresholds and conformal margins for listings, on validation products.

    python -m pricing.calibrate --data-dir data/sample
    python -m pricing.calibrate --data-dir data/study --raw-dir PATH

A listing brings less than a product of the catalogue: no source, no section, perhaps a photo only.
The margins are calibrated for that, separately for photo and text, photo alone and text alone, each
text once whole and once as its title alone; every product is priced by the member of the ensemble
that has not learned from it, and labelled by a network that has not either.

Reads  dataset_with_llm.csv, img_emb.npy, wrd_emb.npy, models/ (stages 3d and 4b)
Writes models/pricing/ (neighbour index; words, brands, thresholds and margins in calibration.json)
"""

import time
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from attributes import rules
from common import artifacts, cli, dataset, results
from common.artifacts import RunConfig
from common.embed.encoders import ClipEncoder
from common.prices.conformal import COVERAGE, ConformalMargins
from common.prices.recipes import ENSEMBLE_NETWORK, folds
from common.product_table import listing_text
from pricing import ood
from pricing.listing import TextReader, by_modality, known_words
from pricing.models import Models, fingerprints, model_files
from pricing.neighbours import NeighbourIndex, mean_similarity
from pricing.predictor import CALIBRATION, FOLDER, INDEX

MIN_UNKNOWN_BRANDS = 20  # products of an unknown brand, below which their margin is a guess
GUESSED_MARGIN = 0.25  # that guess, in log USD
# Embeddings (n, d) of photos and of texts, NaN where there is none, and the texts.
SimulatedListings = tuple[np.ndarray, np.ndarray, list[str]]


def calibrate(run: RunConfig, data: dataset.Dataset) -> pd.DataFrame:
    """Writes models/pricing/; returns the intervals on validation products by modality.

    Raises StageError for a missing model.
    """
    started, files, models = time.monotonic(), model_files(run), Models(run)
    table = data.table
    train, validation, _ = dataset.sides(table)
    learned = np.concatenate([train, validation])
    texts = np.array(listing_text(table), dtype=object)
    spelling = {}
    for by_key in rules.spellings_by_source(table).values():
        spelling |= {key: brand for key, brand in by_key.items() if key and brand}
    reader = TextReader(spelling, known_words(texts[learned]))
    index = NeighbourIndex.build(table.iloc[learned], data.image[learned], data.text[learned])

    listings = simulated_listings(models.encoder, data, validation)
    thresholds = _thresholds(models, reader, data, train, validation, listings)
    margins, unknown_brand_margin, summary = _margins(
        models, reader, table, validation, learned, listings, run.seed[0]
    )
    calibration = {
        "spelling": spelling,
        "words": sorted(reader.words),
        "thresholds": asdict(thresholds),
        "margins": {modality: asdict(margin) for modality, margin in margins.items()},
        "unknown_brand_margin": unknown_brand_margin,
        "models": fingerprints(run),
        "training": {
            "data": run.paths.data.resolve().name,
            "created": time.strftime("%Y-%m-%d", time.gmtime(files["price"].stat().st_mtime)),
            "preset": run.preset,
            "products": len(learned),
            "sources": table["dataset_source"].iloc[learned].value_counts().to_dict(),
        },
    }
    index.save(run.paths.model(FOLDER, INDEX))
    artifacts.write_json(calibration, run.paths.model(FOLDER, CALIBRATION))
    inputs = {**data.inputs, **files}
    for name in (INDEX, CALIBRATION):
        path = run.paths.model(FOLDER, name)
        artifacts.record(path, run, inputs, time.monotonic() - started)
    return summary


def simulated_listings(
    encoder: ClipEncoder, data: dataset.Dataset, rows: np.ndarray
) -> dict[str, SimulatedListings]:
    """What listings of these products (row numbers) could bring, by name."""
    table = data.table.iloc[rows]
    titles = [title if title.strip() else "-" for title in table["title"]]
    image, text = (np.asarray(part[rows], np.float32) for part in (data.image, data.text))
    no_image, no_text = np.full_like(image, np.nan), np.full_like(text, np.nan)
    title_text, descriptions = _embed(encoder, titles), listing_text(table)
    return {
        "photo, title and description": (image, text, descriptions),
        "photo and title": (image, title_text, titles),
        "title and description": (no_image, text, descriptions),
        "title": (no_image, title_text, titles),
        "photo": (image, no_text, [""] * len(rows)),
    }


def _embed(encoder: ClipEncoder, texts: Sequence[str]) -> np.ndarray:
    return np.concatenate([encoder.texts(texts[at : at + 64]) for at in range(0, len(texts), 64)])


def seller_lines(table: pd.DataFrame) -> list[str]:
    """One short line a product, as a seller who knows no catalogue might write it."""
    columns = zip(*(table[name] for name in ("brand", "colour", "product_type")), strict=True)
    return [f"{' '.join(' '.join(row).lower().split())}, barely worn" for row in columns]


def _thresholds(models, reader, data, train, validation, listings) -> ood.Thresholds:
    """From the distances of the validation listings to training products of other groups."""
    codes = data.table["group"].astype("category").cat.codes.to_numpy()

    def distances(queries: np.ndarray, products: np.ndarray) -> np.ndarray:
        products = np.asarray(products[train], np.float32)
        return 1 - mean_similarity(queries, products, codes[validation], codes[train])

    lines = seller_lines(data.table.iloc[validation])
    styles = [listings[name][1:] for name in ("title and description", "title")]
    styles.append((_embed(models.encoder, lines), lines))
    image, text, titles = listings["photo and title"]
    by_photo = models.labeller(image, np.full_like(text, np.nan), titles)["category"]
    by_text = models.labeller(np.full_like(image, np.nan), text, titles)["category"]
    return ood.Thresholds.fit(
        photo=distances(image, data.image),
        text=[distances(embedding, data.text) for embedding, _ in styles],
        words=np.array([reader.unknown_words(text) for _, texts in styles for text in texts]),
        agreement=ood.agreement(by_photo, by_text),
    )


def _margins(
    models, reader, table, validation, learned, listings, seed: int
) -> tuple[dict[str, ConformalMargins], float, pd.DataFrame]:
    """Margins by modality, the margin of unknown brands (log USD), and a summary by modality."""
    members = ENSEMBLE_NETWORK["members"]
    fold = folds(table["group"].iloc[learned], members, seed)[-len(validation) :]
    usd = table["price_usd"].to_numpy()[validation]
    rows = np.arange(len(validation))
    # What stands for a brand that was never seen: one too rare to be a feature of the price model.
    frequent = models.price.encoder.categories.get("brand", [])
    rare = ~table["brand"].iloc[validation].isin(frequent).to_numpy()
    parts = {}
    for image, text, texts in listings.values():
        prices, quantiles = models.outputs(models.features(reader, image, text, texts).matrix)
        low, _, high = quantiles[rows, fold].T
        modality = next(name for name, part in by_modality(image, text).items() if len(part))
        parts.setdefault(modality, []).append((usd, prices[rows, fold], low, high))
    margins, excess, summary = {}, [], []
    for modality, columns in parts.items():
        true, priced, low, high = (np.concatenate(column) for column in zip(*columns, strict=True))
        margins[modality] = ConformalMargins.calibrate(true, priced, low, high)
        low, high = margins[modality].interval(priced, low, high)
        beyond = np.maximum(np.log(low / true), np.log(true / high))
        excess.append(beyond[np.tile(rare, len(columns))])
        row = {"listing": modality, "n": len(true), "usd": np.median(priced)}
        summary.append(row | {"low": np.median(low), "high": np.median(high)})
    unknown_brand_margin = GUESSED_MARGIN
    if rare.sum() >= MIN_UNKNOWN_BRANDS:
        unknown_brand_margin = float(max(0.0, np.quantile(np.concatenate(excess), COVERAGE)))
    return margins, unknown_brand_margin, pd.DataFrame(summary)


def main() -> None:
    run = cli.run_config(cli.parse(cli.parser(__doc__)))
    data = dataset.load(run)
    summary = calibrate(run, data)
    lines = [["validation listings", "number", "median price", "median 90 % interval"]]
    for row in summary.itertuples():
        interval = f"{row.low:.2f} to {row.high:.2f}"
        lines.append([row.listing, f"{row.n:,}", f"{row.usd:.2f} USD", interval])
    print(results.aligned(lines))
    print(f"calibration in {run.paths.model(FOLDER)}")


if __name__ == "__main__":
    cli.run(main)
