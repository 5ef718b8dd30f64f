"""Draws second-hand listings of the catalogue's products, on three invented platforms.

    price in USD = new price * DEPRECIATION[condition] * LEVEL[platform] * (SOLD if sold) * exp(e)

The new price is what the shop asks for the product (`sample.products`); e is normal with standard
deviation NOISE, cut at two of them. Brand, material, gender and category stand in a listing's words
or fields; its condition stands in a field in the platform's own words, or else in the description.
The columns are those of `raw/listings/*.csv`; otjang is Korean, the other two are English.
"""

import csv
import tomllib
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from sample.pictures import Picture, look_of
from sample.products import Product

HEADER = (
    "source listing_id title description brand category_raw gender_raw condition_raw size_raw "
    "colour_raw material_raw price currency price_kind retail_price date image split_group"
).split()
_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
DEPRECIATION, PLATFORMS = _TABLES["depreciation"], _TABLES["platforms"]
LEVEL = {name: platform["level"] for name, platform in PLATFORMS.items()}
SOLD, NOISE = 0.8, 0.25
USD = {"USD": 1.0, "EUR": 1.10, "KRW": 1 / 1350}
LEAST_NEW_USD = 12.0  # what cost less new is not worth a parcel
PHOTO_SIZE = (224, 299)

with Path(__file__).with_name("listing_cases.csv").open(newline="", encoding="utf-8") as _file:
    CASES = {row["case"]: row["outcome"] for row in csv.DictReader(_file)}


@dataclass(frozen=True)
class Listing:
    """One row of a platform's file; `fields` are its cells, `case` the planted case, if any."""

    platform: str
    product: Product
    colour: str
    condition: str
    sold: bool
    expected_usd: float  # the formula without e; new price as stated, else without its own noise
    price_usd: float
    fields: dict[str, str]
    case: str = ""


def draw_listings(products: list[Product], count: int, seed: int) -> dict[str, list[Listing]]:
    """About `count` listings by platform, each case once a platform; a relisted pair is two."""
    goods = [p for p in products if not p.case and p.expected_usd >= LEAST_NEW_USD]
    popular = np.array([_popularity(product) for product in goods])
    listings = {}
    for number, platform in enumerate(PLATFORMS):
        rng = np.random.default_rng([seed, 4, number])
        chosen = rng.choice(len(goods), count // len(PLATFORMS), p=popular / popular.sum())
        rows = [_listing(platform, goods[i], rng) for i in chosen]
        for row, case in zip(rng.permutation(len(rows)).tolist(), CASES, strict=False):
            rows[row] = _plant(rows[row], case)
            if case == "relisted":
                rows.append(_relist(rows[row], rng))
        listings[platform] = rows
    return listings


def _listing(platform: str, product: Product, rng: np.random.Generator) -> Listing:
    about = PLATFORMS[platform]
    language = _TABLES[about["language"]]
    colour = str(rng.choice(product.colours))
    frequency = _TABLES["frequency"]
    condition = str(rng.choice(list(frequency), p=list(frequency.values())))
    sold = bool(rng.random() < about["sold"])
    new_from = str(rng.choice(("text", "field", ""), p=(0.2, 0.1, 0.7)))
    new_usd = product.observed_usd if new_from else product.expected_usd
    factor = DEPRECIATION[condition] * LEVEL[platform] * (SOLD if sold else 1.0)
    noise = np.clip(rng.normal(), -2, 2) * NOISE
    rate = USD[about["currency"]]
    price = _round(product.observed_usd * factor * np.exp(noise) / rate, about["step"])

    words = {
        "brand": language.get("brand", {}).get(product.brand, product.brand),
        "name": product.words.name,
        "noun": language.get("noun", {}).get(product.kind.silhouette, product.kind.noun.lower()),
        "colour": language.get("colour", {}).get(colour, colour),
        "material": language.get("material", {}).get(product.material, product.material),
        "whom": language["gender"][product.gender] if "noun" in language else product.words.whom,
        "size": _size(product, language, rng),
    }
    brand = product.brand.upper() if rng.random() < 0.15 else product.brand
    if rng.random() < 0.5:  # an English name, also on a Korean platform
        words["brand"] = brand
    in_field = rng.random() < 0.85
    sentences = [str(rng.choice(language["about"])).format(**words)]
    if not in_field or rng.random() < 0.4:
        sentences.append(str(rng.choice(language["condition"][condition])))
    if new_from == "text":
        new = _amount(_round(product.observed_usd / rate, about["step"]), about["currency"])
        sentences.append(str(rng.choice(language["new_price"])).format(new=new))
    sentences.append(str(rng.choice(language["closing"])))
    stated = rng.random() < about["stated"]
    day = date(2025, 1, 1) + timedelta(days=int(rng.integers(0, 365)))
    listing_id = f"{platform}-{rng.bytes(6).hex()}"
    fields = {
        "source": platform,
        "listing_id": listing_id,
        "title": str(rng.choice(language["titles"])).format(**words),
        "description": ". ".join(s[:1].upper() + s[1:] for s in sentences if s) + ".",
        "brand": brand if rng.random() < 0.7 else "",
        "category_raw": language["category"][product.kind.category] if stated else "",
        "gender_raw": language["gender"][product.gender] if stated else "",
        "condition_raw": about["condition"][condition] if in_field else "",
        "size_raw": words["size"] if rng.random() < 0.8 else "",
        "colour_raw": words["colour"] if rng.random() < 0.6 else "",
        "material_raw": words["material"] if rng.random() < 0.3 else "",
        "price": _number(price),
        "currency": about["currency"],
        "price_kind": "sold" if sold else "asked",
        "retail_price": f"{product.observed_usd / rate:.2f}" if new_from == "field" else "",
        "date": str(day),
        "image": f"photos/{listing_id}.jpg" if rng.random() < about["photos"] else "",
        "split_group": "",
    }
    usd = new_usd * factor, price * rate
    return Listing(platform, product, colour, condition, sold, *usd, fields)


def _popularity(product: Product) -> int:
    table = _TABLES["popularity"]
    labels = product.gender, product.kind.category, product.brand
    return int(np.prod([table.get(label, 1) for label in labels]))


def _round(amount: float, step: float) -> float:
    return max(step, round(amount / step) * step)


def _number(amount: float) -> str:
    return f"{amount:.2f}".removesuffix(".00")


def _amount(amount: float, currency: str) -> str:
    """As a seller writes it: $45, 45 EUR, 45,000원."""
    return {
        "USD": f"${_number(amount)}",
        "EUR": f"{_number(amount)} EUR",
        "KRW": f"{amount:,.0f}원",
    }[currency]


def _size(product: Product, language: dict, rng: np.random.Generator) -> str:
    if product.kind.category == "Accessories":
        return language["one_size"]
    if product.kind.category == "Shoes":
        return str(rng.choice(language["shoe_sizes"]))
    child = product.gender in ("Boys", "Girls")
    return str(rng.choice(("110", "122", "134", "146") if child else ("XS", "S", "M", "L", "XL")))


def _plant(listing: Listing, case: str) -> Listing:
    fields = dict(listing.fields)
    price = float(fields["price"])
    about = PLATFORMS[listing.platform]
    if case == "price_in_text":
        amount = _amount(price, about["currency"])
        sentence = _TABLES[about["language"]]["own_price"].format(price=amount)
        fields["description"] += f" {sentence}."
    fields |= {
        "no_price": {"price": ""},
        "zero_price": {"price": "0"},
        "unknown_currency": {"currency": "XTS"},  # ISO 4217: for tests
        "outlier": {"price": _number(price * 1000)},
        "unknown_condition": {"condition_raw": "☆☆"},
        "title_only": dict.fromkeys(("description", "brand", "condition_raw", "size_raw"), ""),
        "missing_photo": {"image": f"photos/{fields['listing_id']}-2.jpg"},
    }.get(case, {})
    return replace(listing, fields=fields, case=case)


def _relist(listing: Listing, rng: np.random.Generator) -> Listing:
    """The same listing once more, under another id and for less."""
    about = PLATFORMS[listing.platform]
    price = _round(float(listing.fields["price"]) * 0.9, about["step"])
    listing_id = f"{listing.platform}-{rng.bytes(6).hex()}"
    fields = listing.fields | {"listing_id": listing_id, "price": _number(price), "image": ""}
    usd = price * USD[about["currency"]]
    return replace(listing, price_usd=usd, fields=fields)


def write_listings(listings: dict[str, list[Listing]], folder: Path, seed: int) -> list[Picture]:
    """One CSV a platform in `folder`; returns the photos to draw, as sellers take them."""
    pictures = []
    for number, (platform, rows) in enumerate(listings.items()):
        with (folder / f"{platform}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, HEADER, lineterminator="\n")
            writer.writeheader()
            for listing in rows:
                writer.writerows([listing.fields] * (2 if listing.case == "duplicate" else 1))
        for row, listing in enumerate(rows):
            if listing.fields["image"] and listing.case != "missing_photo":
                look = replace(look_of(listing.product, listing.colour), studio="PHONE")
                path = folder / listing.fields["image"]
                pictures.append(Picture(path, look, PHOTO_SIZE, "", (seed, 5, number, row)))
    return pictures


# --- the truth ---------------------------------------------------------------------------------


def listing_truth(listings: dict[str, list[Listing]]) -> pd.DataFrame:
    """One row per listing: its product's labels, condition, expected and observed price in USD."""
    return pd.DataFrame(
        {
            "listing_id": listing.fields["listing_id"],
            "platform": platform,
            "product_key": listing.product.keys[0],
            "category": listing.product.kind.category,
            "gender": listing.product.gender,
            "brand": listing.product.brand,
            "material": listing.product.material,
            "condition": listing.condition,
            "price_kind": listing.fields["price_kind"],
            "new_usd": round(listing.product.observed_usd, 4),
            "expected_usd": round(listing.expected_usd, 4),
            "observed_usd": round(listing.price_usd, 4),
            "case": listing.case,
        }
        for platform, rows in listings.items()
        for listing in rows
    )


def listing_report(truth: pd.DataFrame) -> dict:
    """For truth.json: formula, steps against "very good", planted cases, the R2 within reach.

    The R2 is that of log prices, on all rows of a platform that are to be kept.
    """
    outcome = truth["case"].map(CASES).fillna("kept")
    kept = truth[outcome.str.startswith("kept")]
    logs = np.log(kept[["observed_usd", "expected_usd"]])
    error = ((logs["observed_usd"] - logs["expected_usd"]) ** 2).groupby(kept["platform"]).sum()
    spread = (
        logs["observed_usd"].groupby(kept["platform"]).agg(lambda y: ((y - y.mean()) ** 2).sum())
    )
    ids = truth.groupby("case")["listing_id"].agg(list)
    return {
        "ceiling": (1 - error / spread).round(4).to_dict(),
        "steps": {c: round(d / DEPRECIATION["very good"] - 1, 4) for c, d in DEPRECIATION.items()},
        "formula": {"DEPRECIATION": DEPRECIATION, "LEVEL": LEVEL, "SOLD": SOLD, "NOISE": NOISE},
        "planted": {c: {"outcome": o, "listing_ids": ids[c]} for c, o in CASES.items()},
    }
