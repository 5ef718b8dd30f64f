"""Merges the sources into one product table: price in USD, labels, clean text, outliers out.

Prices are converted at the study's rates. The colours of an H&M product (``product_code``) are one
row: the median of its articles' prices; labels, text and image of its first article with an image.
Every raw row ends in the table, or is counted under the first reason that sets it aside.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from common.artifacts import Paths, StageError
from common.merge import leakage, sources, splits, taxonomy
from common.merge.currency import EUR_TO_USD, HNM_TO_EUR, INR_TO_USD
from common.results import aligned

log = logging.getLogger(__name__)
COLUMNS = tuple(
    "product_key dataset_source title description image_path price_usd normalized_gender "
    "normalized_category normalized_usage usage_is_native brand product_type section appearance "
    "colour split group market platform condition price_kind currency size material new_price_usd "
    "date category_is_native gender_is_native".split()
)
_OF_RETAIL = {"market": "retail", "price_kind": "retail", "new_price_usd": np.nan} | dict.fromkeys(
    ("condition", "currency", "size", "material", "date"), ""
)
FENCE = 3.0  # Tukey's outer fence on log price within a source: cuts a price of 0.1 rupees
# H&M's internal names tell the price or its grade: "Skinny H.W Air 19.99", "Printed Hood B2
# 24.99:", "LOW PRICE TEE", "Slim 5pkt Midprice", "Price Item Kent".
_PRICE_IN_NAME = re.compile(
    r"\b\d+[.,]\d\d(?!\d):?-?|\b(?:low|mid|premium)?\s?price(?:\s+item)?\b", re.IGNORECASE
)
_KEPT, _VARIANT = "kept", "kept with its variant"  # outcomes of raw rows


def merge_sources(
    paths: Paths,
    study_text: bool = False,
    statistic: str = "median",
    listings: tuple[pd.DataFrame, list[tuple]] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The product table (`COLUMNS`) of the downloads that are there, and the account of all rows.

    ``study_text`` appends the study's leaky fields to the Fashion descriptions.
    ``statistic``: see :func:`common.merge.sources.article_prices`. ``listings``: second-hand rows
    with their split, and their account (``source, table, outcome, rows, detail``; the rows of a raw
    table add up to its file). Raises StageError for a broken download, or when nothing is left.
    """
    tables, account = [], []
    readers = {paths.hnm_raw: partial(_hnm, statistic=statistic), paths.fashion_raw: _fashion}
    for folder, read in readers.items():
        if folder.is_dir():
            products, lines = read(folder)
            tables.append(products.assign(**_OF_RETAIL))
            account += lines
    if not tables and listings is None:
        places = f"{paths.hnm_raw}, {paths.fashion_raw} nor {paths.raw / 'listings'}/*.csv"
        raise StageError(f"no data: neither {places} is there; one of them is enough (--raw-dir)")
    table, (second_hand, lines) = pd.DataFrame(), listings or (pd.DataFrame(), [])
    if tables:
        table = pd.concat(tables, ignore_index=True)
        account += _remove_prices(table)
    account = pd.DataFrame(account + lines, columns="source table outcome rows detail".split())
    log.info(account.to_string(index=False))
    print(summarize(account), flush=True)
    if table.empty and second_hand.empty:
        raise StageError(f"no product of {paths.raw} can be used, for the reasons above")
    if len(table):
        table["platform"] = table["dataset_source"]
        table[["category_is_native", "gender_is_native"]] = True
        # Before the leaky fields are added, so that both texts are split alike.
        table["group"] = splits.groups(table)
        table["split"] = splits.assign(table)
        if study_text:
            table["description"] = (table["description"] + table["study_fields"]).str.strip()
    parts = [part[list(COLUMNS)] for part in (table, second_hand) if len(part)]
    table = pd.concat(parts, ignore_index=True)
    leakage.audit(table, text="study" if study_text else "clean")
    return table, account


def summarize(account: pd.DataFrame) -> str:
    """The account in short: what became of each source's products, and labels never seen."""
    lines, reasons = [["source", "raw rows", "products", "variants", "set aside"]], [""]
    products = account[account["table"].isin(("articles", "styles", "listings"))]
    for source, outcomes in products.groupby("source", sort=False):
        rows = outcomes.set_index("outcome")["rows"]  # the largest first
        aside = rows.drop([_KEPT, _VARIANT], errors="ignore")
        counts = rows.sum(), rows.get(_KEPT, 0), rows.get(_VARIANT, 0), aside.sum()
        lines.append([source, *(f"{count:,}" for count in counts)])
        largest = [f"{reason} {count:,}" for reason, count in aside[:3].items()]
        reasons.append(", ".join(largest + (["..."] if len(aside) > 3 else [])))
    text = zip(aligned(lines).split("\n"), reasons, strict=True)
    labels = products[products["outcome"].str.endswith("never seen")].groupby(["outcome", "detail"])
    unseen = [f"{', '.join(rows['source'])}, {': '.join(label)}" for label, rows in labels]
    return "\n".join([*(f"{line}  {why}".rstrip() for line, why in text), *unseen])


def _hnm(folder: Path, statistic: str) -> tuple[pd.DataFrame, list[tuple]]:
    articles = sources.read_articles(folder)
    prices, transactions = sources.article_prices(folder / "transactions_train.csv", statistic)
    articles = articles.merge(prices, on="article_id", how="left", validate="many_to_one")
    usable = articles[articles["problem"] == ""]
    pictured = usable.sort_values("image", key=lambda image: image == "", kind="stable")
    first = pictured.drop_duplicates("product_code").sort_index().copy()
    usd = usable.groupby("product_code")["price"].transform("median") * HNM_TO_EUR * EUR_TO_USD
    # Some articles' type is "Unknown"; a variant of the product usually has one.
    kind = usable["product_type_name"].mask(usable["product_type_name"] == taxonomy.HNM_UNTYPED)
    kind = kind.fillna(kind.groupby(usable["product_code"]).transform("first"))
    first["product_type_name"] = kind.fillna(taxonomy.HNM_UNTYPED)
    gender_columns = "index_group_name", "section_name", "department_name"
    category_columns = "product_type_name", "garment_group_name"
    usage_columns = "section_name", "garment_group_name"
    products = pd.DataFrame(
        {
            "product_key": "HNM:" + first["product_code"],
            "dataset_source": "HNM",
            "title": first["prod_name"],
            "description": first["detail_desc"],
            "image_path": first["image"],
            "price_usd": usd[first.index],
            "normalized_gender": _map(taxonomy.hnm_gender, first, *gender_columns),
            "normalized_category": _map(taxonomy.hnm_category, first, *category_columns),
            "normalized_usage": _map(taxonomy.hnm_usage, first, *usage_columns),
            "usage_is_native": False,
            "brand": "H&M",
            "product_type": first["product_type_name"],
            "section": first["section_name"],
            "appearance": first["graphical_appearance_name"],
            "colour": first["colour_group_name"],
            "list_inr": np.nan,
            "study_fields": "",
            "raw_gender": first["index_group_name"],
            "raw_usage": "",
        }
    )
    verdict = _judge(products, taxonomy.HNM_DROPPED)
    # All articles of a product share its verdict; one of them is the row.
    of_article = verdict.set_index(first["product_code"]).reindex(articles["product_code"])
    of_article = of_article.set_axis(articles.index)
    variant = (of_article["outcome"] == _KEPT) & ~articles.index.isin(first.index)
    of_article.loc[variant, "outcome"] = _VARIANT
    account = _count("HNM", "articles", articles["problem"], of_article)
    account += [("HNM", "transactions", outcome, n, "") for outcome, n in transactions.items()]
    return products[verdict["outcome"] == _KEPT], account


def study_fields(folder: Path) -> pd.Series:
    """What the study appended to each description of the Fashion download, by ``product_key``."""
    return _fashion(folder)[0].set_index("product_key")["study_fields"]


def _fashion(folder: Path) -> tuple[pd.DataFrame, list[tuple]]:
    styles = sources.read_styles(folder)
    usable = styles[styles["problem"] == ""]
    usage = _map(taxonomy.fashion_usage, usable, "usage")
    study = "list_inr", "rating", "vat"
    products = pd.DataFrame(
        {
            "product_key": "FASHION:" + usable["id"],
            "dataset_source": "FASHION",
            "title": usable["productDisplayName"],
            "description": usable["description"],
            "image_path": usable["image"],
            "price_usd": usable["discounted_inr"] * INR_TO_USD,
            "normalized_gender": _map(taxonomy.fashion_gender, usable, "gender", "age_group"),
            "normalized_category": _map(taxonomy.FASHION_CATEGORY.get, usable, "articleType"),
            "normalized_usage": [value for value, _ in usage],
            "usage_is_native": [native for _, native in usage],
            "brand": usable["brand"],
            "product_type": usable["articleType"],
            "section": usable["subCategory"],
            "appearance": "",
            "colour": usable["baseColour"].replace("NA", ""),
            "list_inr": usable["list_inr"],
            "study_fields": _map(" price: {:g} rating: {} vat: {}".format, usable, *study),
            "raw_gender": usable["gender"],
            "raw_usage": usable["usage"],
        }
    )
    verdict = _judge(products, taxonomy.FASHION_DROPPED)
    account = _count("FASHION", "styles", styles["problem"], verdict)
    return products[verdict["outcome"] == _KEPT], account


def _map(function: Callable, frame: pd.DataFrame, *columns: str) -> list:
    return [function(*row) for row in zip(*(frame[name] for name in columns), strict=True)]


def _judge(products: pd.DataFrame, dropped: frozenset[str]) -> pd.DataFrame:
    """``outcome`` (the first reason against a product, or "kept") and the ``label`` it is about."""
    price = products["price_usd"].where(np.isfinite(products["price_usd"]))
    kind = products["product_type"]
    reasons = {
        "not wearable": (kind.isin(dropped), kind),
        "type not told by the source": (
            products["normalized_category"].isna() & (kind == taxonomy.HNM_UNTYPED),
            products["title"],
        ),
        "type never seen": (products["normalized_category"].isna(), kind),
        "gender never seen": (products["normalized_gender"].isna(), products["raw_gender"]),
        "usage never seen": (products["normalized_usage"].isna(), products["raw_usage"]),
        "no image": (products["image_path"] == "", ""),
        "no price": (price.isna(), ""),
        "price negative": (price < 0, ""),
        "price zero": (price == 0, ""),
    }
    verdict = pd.DataFrame({"outcome": _KEPT, "label": ""}, index=products.index)
    for outcome, (applies, label) in reasons.items():
        applies &= verdict["outcome"] == _KEPT
        verdict["label"] = verdict["label"].mask(applies, label)
        verdict["outcome"] = verdict["outcome"].mask(applies, outcome)
    log_price = np.log(price[verdict["outcome"] == _KEPT])
    low, high = log_price.quantile([0.25, 0.75])
    reach = FENCE * (high - low)
    outlying = log_price.index[(log_price < low - reach) | (log_price > high + reach)]
    verdict.loc[outlying, "outcome"] = "price outlier"
    verdict.loc[outlying, "label"] = [f"{usd:.3g} USD" for usd in price[outlying]]
    return verdict


def _count(source: str, table: str, problem: pd.Series, verdict: pd.DataFrame) -> list[tuple]:
    """Account rows of one raw table: each row by its own problem, else by its verdict."""
    outcome = problem.mask(problem == "", verdict["outcome"].reindex(problem.index))
    label = verdict["label"].reindex(problem.index).where(problem == "", "")
    account = []
    for name, rows in outcome.value_counts().items():
        labels = Counter(label[outcome == name]).most_common()
        detail = ", ".join(f"{label} {count}" for label, count in labels if label)
        account.append((source, table, name, rows, detail))
    return account


def _remove_prices(table: pd.DataFrame) -> list[tuple]:
    """Takes prices out of titles and descriptions, in place, and counts the rows it touched."""
    sources_and_prices, account = table[["dataset_source", "price_usd", "list_inr"]], []
    for column in ("title", "description"):
        original = [" ".join(text.split()) for text in table[column]]
        cleaned = []
        for text, (source, usd, inr) in zip(original, sources_and_prices.to_numpy(), strict=True):
            text = leakage.without_prices(text, leakage.amounts(usd, [inr]))
            if column == "title" and source == "HNM":
                text = " ".join(_PRICE_IN_NAME.sub(" ", text).split())
            cleaned.append(text)
        table[column] = cleaned
        touched = table["dataset_source"][table[column] != original].value_counts()
        account += [
            (source, column, "price taken out of it", rows, "") for source, rows in touched.items()
        ]
    # A name that was nothing but a price.
    table["title"] = table["title"].where(table["title"] != "", table["product_type"])
    return account
