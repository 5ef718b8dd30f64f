"""The catalogue as a whole: planted cases, one atomic write, the truth and the ceiling."""

import csv
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from common import runtime
from common.artifacts import FASHION_FOLDER, HNM_FOLDER, StageError
from sample import products as formula
from sample.layout_fashion import write_fashion
from sample.layout_hnm import write_hnm
from sample.listings import draw_listings, listing_report, listing_truth, write_listings
from sample.pictures import save
from sample.products import Product, invent

TRUTH, TRUTH_TABLE, LISTING_TRUTH = "truth.json", "truth.csv", "truth_listings.csv"
LISTINGS_FOLDER = "listings"
SOURCES = ("HNM", "FASHION")

# What real downloads have, by source: case -> what the pipeline is to make of it.
with Path(__file__).with_name("cases.csv").open(newline="", encoding="utf-8") as _file:
    _ROWS = list(csv.DictReader(_file))
CASES = {s: {r["case"]: r["outcome"] for r in _ROWS if r["source"] == s} for s in SOURCES}
# The fewest products that hold every case and a remainder without any.
FEWEST = 120

_NEEDS: dict[str, Callable[[Product], bool]] = {
    "first_colour_without_image": lambda p: len(p.ids) > 1,
    "untyped_variant": lambda p: len(p.ids) > 1,
    "other_colours": lambda p: len(p.ids) > 1,
    "child_under_adult_gender": lambda p: p.gender in ("Boys", "Girls"),
}


def plant(source: str, products: list[Product], rng: np.random.Generator) -> list[Product]:
    """Marks one product per case; "same_name" makes a product the twin of its neighbour."""
    products = list(products)
    # The demanding cases choose first.
    for case in sorted(CASES[source], key=lambda case: case not in _NEEDS):
        fits = _NEEDS.get(case, lambda p: len(p.ids) == 1)
        free = [i for i, p in enumerate(products) if not p.case and fits(p)]
        i = int(rng.choice(free))
        products[i] = replace(products[i], case=case)
        if case == "same_name":
            twin = int(rng.choice([j for j in free if j != i]))
            colours = [products[twin].colours[0]]
            products[twin] = replace(products[i], ids=products[twin].ids, colours=colours)
    return products


def catalogue(count: int, seed: int) -> dict[str, list[Product]]:
    """All products by source, `count` rows of ``merged_dataset.csv`` before any is dropped."""
    by_source = {}
    for number, source in enumerate(SOURCES):
        rng = np.random.default_rng([seed, number])
        products, rows = [], 0
        for product in invent(source, count // 2, rng):
            if rows < count // 2:
                products.append(product)
                rows += len(product.keys)
        by_source[source] = plant(source, products, rng)
    return by_source


# --- the truth ---------------------------------------------------------------------------------


def truth_table(by_source: dict[str, list[Product]]) -> pd.DataFrame:
    """One row per product key: labels, ingredients, expected and observed price in USD."""
    return pd.DataFrame(
        {
            "product_key": key,
            "source": p.source,
            "category": p.kind.category,
            "gender": p.gender,
            "usage": p.usage,
            "brand": p.brand,
            "material": p.material,
            "expected_usd": round(p.expected_usd, 4),
            "observed_usd": round(p.observed_usd, 4),
            "case": p.case,
        }
        for products in by_source.values()
        for p in products
        for key in p.keys
    )


def ceiling_r2(raw: str | Path, table: pd.DataFrame | None = None) -> dict[str, float]:
    """The R2 that no honest model beats: the noise-free price against the observed one.

    ``raw`` is the catalogue's folder; ``table`` holds the rows to judge (``product_key`` and
    ``price_usd``, as in the merged table or its test rows), by default all that are to be kept.
    Returns ``r2``, ``r2_hnm``, ``r2_fashion``, as :func:`common.metrics.regression` names them.
    """
    path = Path(raw) / TRUTH_TABLE
    if not path.exists():
        raise StageError(f"{path} is missing; make it with: python -m sample --out {raw}")
    truth = pd.read_csv(path, keep_default_na=False).set_index("product_key")
    if table is None:
        outcome = [CASES[s].get(c, "") for s, c in zip(truth["source"], truth["case"], strict=True)]
        rows = truth[[not text.startswith("dropped") for text in outcome]]
        observed = rows["observed_usd"]
    else:
        observed = table.set_index("product_key")["price_usd"]
        rows = truth.loc[observed.index]
    masks = {"r2": rows["source"] != ""}
    masks |= {f"r2_{s.lower()}": rows["source"] == s for s in SOURCES}
    return {name: _r2(observed[mask], rows["expected_usd"][mask]) for name, mask in masks.items()}


def _r2(true: pd.Series, predicted: pd.Series) -> float:
    return float(1 - ((true - predicted) ** 2).sum() / ((true - true.mean()) ** 2).sum())


# --- the write ---------------------------------------------------------------------------------


def write(
    out: str | Path,
    count: int = 600,
    seed: int = 0,
    workers: int | None = None,
    listings: int | None = None,
) -> bool:
    """Writes the catalogue to the folder `out`, whole or not at all.

    `count` products, and about `listings` second-hand listings of them: twice as many if None,
    none if 0. Returns False when it already lies there, made by this code with these settings. A
    folder that holds anything but a sample catalogue is never touched (StageError).
    """
    out = Path(out)
    if count < FEWEST:
        raise StageError(f"--products {count}: the planted cases need at least {FEWEST}")
    listings = 2 * count if listings is None else listings
    if 0 < listings < FEWEST:
        raise StageError(f"--listings {listings}: the planted cases need at least {FEWEST}, or 0")
    settings = {"products": count, "listings": listings, "seed": seed, "recipe": _recipe()}
    if (out / TRUTH).exists():
        if json.loads((out / TRUTH).read_text("utf-8"))["settings"] == settings:
            return False
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StageError(
            f"{out} holds something else than a sample catalogue; choose another --out"
        )
    fresh, old = (out.with_name(f".{word}.{out.name}") for word in ("unfinished", "outdated"))
    try:
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)
        _write_into(fresh, catalogue(count, seed), settings, workers)
        if out.exists():
            out.replace(old)
        fresh.replace(out)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise StageError(f"cannot write {out}: {error.strerror or error}") from error
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return True


def _write_into(folder: Path, by_source: dict[str, list[Product]], settings: dict, workers) -> None:
    hnm, fashion = folder / HNM_FOLDER, folder / FASHION_FOLDER
    for path in (hnm, fashion / "styles"):
        path.mkdir(parents=True)
    pictures = write_hnm(by_source["HNM"], hnm, settings["seed"])
    pictures += write_fashion(by_source["FASHION"], fashion, settings["seed"])
    if settings["listings"]:
        products = by_source["HNM"] + by_source["FASHION"]
        listings = draw_listings(products, settings["listings"], settings["seed"])
        (folder / LISTINGS_FOLDER).mkdir()
        pictures += write_listings(listings, folder / LISTINGS_FOLDER, settings["seed"])
    for path in {picture.path.parent for picture in pictures}:
        path.mkdir(parents=True)
    with ProcessPoolExecutor(
        workers or runtime.cpu_count(), mp_context=get_context("spawn")
    ) as pool:
        images = pool.map(save, pictures, chunksize=32)
        for _ in runtime.Progress(images, "drawing", len(pictures), "images"):
            pass
    truth = truth_table(by_source)
    truth.to_csv(folder / TRUTH_TABLE, index=False, lineterminator="\n")
    keys = truth.groupby(["source", "case"])["product_key"].agg(list)
    planted = {
        source: {
            case: {"outcome": outcome, "product_keys": keys[source, case]}
            for case, outcome in cases.items()
        }
        for source, cases in CASES.items()
    }
    parts = ("BASE", "BRAND", "MATERIAL", "GENDER", "NOISE")
    report = {
        "settings": settings,
        "ceiling": {name: round(r2, 4) for name, r2 in ceiling_r2(folder).items()},
        "planted": planted,
        "formula": {part: getattr(formula, part) for part in parts},
    }
    if settings["listings"]:
        truth = listing_truth(listings)
        truth.to_csv(folder / LISTING_TRUTH, index=False, lineterminator="\n")
        report["listings"] = listing_report(truth)
    (folder / TRUTH).write_text(json.dumps(report, indent=1) + "\n", "utf-8")


def _recipe() -> str:
    """Changes when the code or what it draws with changes: an older catalogue is then stale."""
    files = sorted(p for p in Path(__file__).parent.iterdir() if p.is_file())
    code = [path.read_bytes() for path in files]
    versions = [f"{name} {version(name)}".encode() for name in ("numpy", "pillow")]
    return sha256(b"\0".join(code + versions)).hexdigest()[:16]
