"""Writes invented products as the H&M download: same files, columns and quirks.

https://www.kaggle.com/competitions/h-and-m-personalized-fashion-recommendations
"""

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from sample.pictures import Picture, pictures_of
from sample.products import APPEARANCE, COLOURS, Product

HNM_HEADER = (
    "article_id,product_code,prod_name,product_type_no,product_type_name,product_group_name,"
    "graphical_appearance_no,graphical_appearance_name,colour_group_code,colour_group_name,"
    "perceived_colour_value_id,perceived_colour_value_name,perceived_colour_master_id,"
    "perceived_colour_master_name,department_no,department_name,index_code,index_name,"
    "index_group_no,index_group_name,section_no,section_name,garment_group_no,"
    "garment_group_name,detail_desc"
).split(",")

# (gender, occasion or category) -> index code, index, group number, group, section number, section;
# "" is any other, of which some lie "by turns" on another shelf.
with Path(__file__).with_name("sections.csv").open(newline="", encoding="utf-8") as _file:
    _SECTIONS = {(gender, reason): shelf for gender, reason, *shelf in csv.reader(_file)}


def section_of(product: Product) -> tuple[list[str], tuple[int, str]]:
    """H&M's shelf: [index code, index, group number, group], (section number, section)."""
    turns = product.words.variant % (4 if product.gender == "Women" else 2) == 0
    sports = "Sports" if product.usage == "Sports" else None
    reasons = [sports, product.kind.category, product.usage, "by turns" if turns else None, ""]
    shelves = (_SECTIONS.get((product.gender, reason)) for reason in reasons)
    *index, number, section = next(filter(None, shelves))
    return index, (int(number), section)


def hnm_texts(product: Product) -> tuple[str, str]:
    """(prod_name, detail_desc)."""
    w, noun = product.words, product.kind.noun
    line = product.brand.removeprefix("Norrby").strip()
    name = " ".join(filter(None, (line, w.name, noun)))
    if product.case == "no_description":
        return name, ""
    fabric = "denim" if product.pattern == "denim" else f"{product.look} {product.material}".strip()
    opening = (
        f"{noun.capitalize()} {w.whom} by {product.brand} in {fabric} with {w.detail}",
        f"{product.brand} {noun} {w.whom} in {fabric} with {w.detail}",
    )[w.variant % 2]
    closing = (f"Composition: {w.composition}", w.composition)[w.variant // 2 % 2]
    return name, ". ".join(filter(None, (opening, w.fit, w.occasion, closing, w.care))) + "."


def write_hnm(products: list[Product], folder: Path, seed: int) -> list[Picture]:
    """articles.csv and transactions_train.csv; returns the pictures to draw."""
    rng = np.random.default_rng([seed, 2])
    articles, pictures, sales = [], [], []
    for product in products:
        kind = (product.kind.number, product.kind.label, product.kind.main[1])
        garment = product.kind.part
        if product.case == "not_wearable":
            kind, garment = (70, "Earring", "Accessories"), (1019, "Accessories")
        index, section = section_of(product)
        # Only its department tells whose a children's sports article is.
        whose = f"{product.gender} " if section[1] == "Kids Sports" else ""
        name, description = hnm_texts(product)
        paths = [folder / "images" / i[:3] / f"{i}.jpg" for i in product.ids]
        pictures += pictures_of(product, paths, (216, 324), seed)
        for article, colour in zip(product.ids, product.colours, strict=True):
            untyped = product.case == "unknown_type" or (
                product.case == "untyped_variant" and article == product.ids[0]
            )
            type_ = (-1, "Unknown", "Unknown") if untyped else kind
            if product.case == "unknown_type":
                garment = (1001, "Unknown")
            department = (1000 + section[0], f"{whose}{section[1]} {garment[1]}")
            appearance = APPEARANCE[product.pattern]
            articles.append([article, product.ids[0][:7], name, *type_, *appearance,
                             *COLOURS[colour]["hnm"], *department, *index, *section,
                             *garment, description])  # fmt: skip
            if product.case != "no_price":
                sales += _sales(article, product, rng)
    _write_csv(folder / "articles.csv", HNM_HEADER, articles)
    header = ["t_dat", "customer_id", "article_id", "price", "sales_channel_id"]
    _write_csv(folder / "transactions_train.csv", header, sorted(sales))
    return pictures


def _sales(article: str, product: Product, rng: np.random.Generator):
    """Several sales of one article. More than half are at full price: the median is the price."""
    count = int(rng.integers(3, 9))
    discounted = int(rng.integers(0, (count - 1) // 2 + 1))
    factors = [float(rng.choice((0.8, 0.7, 0.3))) for _ in range(discounted)]
    if product.case == "zero_price_sale":
        factors.append(0.0)
    for factor in factors + [1.0] * (count - discounted):
        day = date(2018, 9, 20) + timedelta(days=int(rng.integers(0, 734)))
        cents = round(product.price * factor)
        # H&M's scale: cents over 59,000; times 590 it is the price in euro.
        yield [str(day), rng.bytes(32).hex(), article, repr(cents / 59_000), rng.integers(1, 3)]


def _write_csv(path: Path, header: list[str], rows: list[list]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
