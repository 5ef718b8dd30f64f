"""Fits the model of new goods' listings, out-of-distribution thresholds and conformal margins.

    python -m pricing.calibrate --data-dir data/sample
    python -m pricing.calibrate --data-dir data/study --raw-dir PATH

A listing brings less than a product of the catalogue: no source, no section, perhaps a photo only.
So its price comes from a model of its own (:mod:`pricing.listing_model`), whose text is read as a
listing's is, and whose margins are calibrated for what a listing brings on predictions out of fold.

Reads  dataset_with_llm.csv, img_emb.npy, wrd_emb.npy
Writes models/pricing/ (the model, a neighbour index; words, brands, thresholds and margins in
       calibration.json)
"""

import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from PIL.Image import Image

from attributes import rules, vocabulary
from common import artifacts, cli, dataset, results
from common.artifacts import RunConfig, StageError
from common.embed.encoders import ClipEncoder
from common.embed.images import BrokenImageError
from common.embed.models import load_clip
from common.merge.sources import list_styles
from common.merge.taxonomy import FASHION_DROPPED
from common.prices.conformal import COVERAGE, ConformalMargins
from common.prices.features import MIN_COUNT
from common.product_table import listing_text
from common.runtime import Progress
from common.training import torch_device
from pricing import ood, uploads
from pricing.listing_model import HeldOut, ListingModel, seller_lines
from pricing.models import CALIBRATION, FOLDER, INDEX, MODEL, WEIGHTS, identity
from pricing.neighbours import NeighbourIndex, mean_similarity
from pricing.reading import WORD, TextReader

MIN_UNKNOWN_BRANDS = 20  # products of a rare brand, below which their margin is a guess
MOST_PHOTOS = 2000  # of garments and of what is none, that are learned from
GUESSED_MARGIN = 0.25  # that guess, in log USD
# Embeddings (n, d) of photos and of texts, NaN where there is none, and the texts.
SimulatedListings = tuple[np.ndarray, np.ndarray, list[str]]


def calibrate(run: RunConfig, data: dataset.Dataset) -> pd.DataFrame:
    """Writes models/pricing/; returns the intervals on products out of fold by kind of listing.

    Raises StageError for a missing model.
    """
    started = time.monotonic()
    table = data.table
    train, validation, _ = dataset.sides(table)
    learned = np.concatenate([train, validation])
    texts = np.array(listing_text(table), dtype=object)
    spelling = {}
    for by_key in rules.spellings_by_source(table).values():
        spelling |= {key: brand for key, brand in by_key.items() if key and brand}
    reader = TextReader(spelling, known_words(texts[learned]))
    index = NeighbourIndex.build(table.iloc[learned], data.image[learned], data.text[learned])

    # The words are learned as they are read in use.
    rows = Progress(texts[learned], "listings read", unit="texts")
    titles, descriptions = zip(*(reader.read(text).parts for text in rows), strict=True)
    products = table.iloc[learned].assign(title=titles, description=descriptions)
    image = np.asarray(data.image[learned], np.float32)
    model, held_out = ListingModel.fit(products.reset_index(drop=True), image, run.seed[0])
    encoder = ClipEncoder(load_clip(run, torch_device(run.device)))
    others = [picture for kind in ood.drawings(seed=1).values() for picture in kind]
    others += not_worn_photos(run.paths.fashion_raw, learn=True)
    rows = np.random.default_rng(0).permutation(np.flatnonzero(~np.isnan(image[:, 0])))
    rows = rows[:MOST_PHOTOS]  # of all sources: the table is in their order
    no_garment = ood.NoGarment.fit(image[rows], encoder.images(others))
    thresholds = _thresholds(encoder, reader, data, train, validation, held_out)
    margins, unknown_brand_margin, summary = _margins(products, held_out)
    folder = run.paths.model(FOLDER)
    model.save(folder)
    calibration = {
        "spelling": spelling,
        "words": sorted(reader.words),
        "thresholds": asdict(thresholds),
        "no_garment": asdict(no_garment),
        "margins": {kind: asdict(margin) for kind, margin in margins.items()},
        "unknown_brand_margin": unknown_brand_margin,
        "models": identity(run),
        "training": {
            "data": run.paths.data.resolve().name,
            "created": time.strftime("%Y-%m-%d", time.gmtime()),
            "preset": run.preset,
            "products": len(learned),
            "sources": table["dataset_source"].iloc[learned].value_counts().to_dict(),
        },
    }
    index.save(folder / INDEX)
    artifacts.write_json(calibration, folder / CALIBRATION)
    for name in (MODEL, WEIGHTS, INDEX, CALIBRATION):
        artifacts.record(folder / name, run, data.inputs, time.monotonic() - started)
    return summary


def simulated_listings(
    encoder: ClipEncoder, data: dataset.Dataset, rows: np.ndarray
) -> dict[str, SimulatedListings]:
    """What listings of these products (row numbers) could bring, by name."""
    table = data.table.iloc[rows]
    titles = [title if title.strip() else "-" for title in table["title"]]
    image, text = (np.asarray(part[rows], np.float32) for part in (data.image, data.text))
    no_image, no_text = np.full_like(image, np.nan), np.full_like(text, np.nan)
    lines, descriptions = seller_lines(table), listing_text(table)
    title_text, line_text = embed(encoder, titles), embed(encoder, lines)
    return {
        "photo, title and description": (image, text, descriptions),
        "photo and title": (image, title_text, titles),
        "title and description": (no_image, text, descriptions),
        "title": (no_image, title_text, titles),
        "photo and seller's line": (image, line_text, lines),
        "seller's line": (no_image, line_text, lines),
        "photo": (image, no_text, [""] * len(rows)),
    }


def not_worn_photos(fashion_raw: Path, learn: bool) -> list[Image]:
    """Photos of the products that stage 1 leaves out because nobody wears them, such as perfume.

    learn: one half of them, to learn from, else the other. Empty where stage 1 could not use the
    download.
    """
    try:
        styles = list_styles(fashion_raw)
    except StageError:
        return []
    files = styles["image"][styles["articleType"].isin(FASHION_DROPPED)]
    photos = []
    for file in filter(None, files[int(learn) :: 2][:MOST_PHOTOS]):
        with contextlib.suppress(BrokenImageError):
            photos.append(uploads.picture(fashion_raw.parent / file))
    return photos


def embed(encoder: ClipEncoder, texts: Sequence[str]) -> np.ndarray:
    return np.concatenate([encoder.texts(texts[at : at + 64]) for at in range(0, len(texts), 64)])


def known_words(texts: Iterable[str]) -> list[str]:
    """The words of the texts, and those of the trade (:mod:`attributes.vocabulary`)."""
    texts = (*texts, *vocabulary.WORDS.values())
    return sorted({word.casefold() for text in texts for word in WORD.findall(text)})


def _thresholds(encoder, reader, data, train, validation, held_out) -> ood.Thresholds:
    """From the distances of the validation listings to training products of other groups."""
    codes = data.table["group"].astype("category").cat.codes.to_numpy()

    def distances(queries: np.ndarray, products: np.ndarray) -> np.ndarray:
        products = np.asarray(products[train], np.float32)
        return 1 - mean_similarity(queries, products, codes[validation], codes[train])

    table = data.table.iloc[validation]
    whole, lines = listing_text(table), seller_lines(table)
    titles = [title if title.strip() else "-" for title in table["title"]]
    styles = [(np.asarray(data.text[validation], np.float32), whole)]
    styles += [(embed(encoder, texts), texts) for texts in (titles, lines)]
    photo, line = held_out["photo"], held_out["line"]
    by_photo = np.full((len(train) + len(validation), photo.category.shape[1]), np.nan)
    by_photo[photo.row] = photo.category
    agreement = ood.agreement(by_photo[line.row], line.category)
    return ood.Thresholds.fit(
        photo=distances(np.asarray(data.image[validation], np.float32), data.image),
        text=[distances(embedding, data.text) for embedding, _ in styles],
        words=np.array([reader.unknown_words(text) for _, texts in styles for text in texts]),
        agreement=agreement[~np.isnan(agreement)],
    )


def _margins(
    products: pd.DataFrame, held_out: dict[str, HeldOut]
) -> tuple[dict[str, ConformalMargins], float, pd.DataFrame]:
    """Margins by kind of listing, the margin of unknown brands (log USD), and a summary."""
    usd = products["price_usd"].to_numpy()
    # What stands for a brand that was never seen: one that is rare.
    rare = (products.groupby("brand")["brand"].transform("size") < MIN_COUNT).to_numpy()
    margins, excess, summary = {}, [], []
    for kind, (row, log_usd) in ((k, (part.row, part.log_usd)) for k, part in held_out.items()):
        true, priced = usd[row], np.exp(log_usd)
        margins[kind] = ConformalMargins.calibrate(true, priced, log_usd, log_usd, COVERAGE)
        low, high = margins[kind].interval(priced, log_usd, log_usd)
        excess.append(np.maximum(np.log(low / true), np.log(true / high))[rare[row]])
        row = {"listing": kind, "n": len(true), "usd": np.median(priced)}
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
