"""``raw/listings/*.csv`` -> rows of the product table, and the account of every raw row.

A file needs a price, a currency and a text (``title``, ``description`` or ``text``); all else is
optional (``data/README.md``). What a whole file lacks is a :class:`StageError` of one line; a row
that cannot be used is counted under its first reason, by platform.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from common.artifacts import StageError
from common.merge import leakage, splits
from common.merge.currency import RATES
from resale import condition, money, taxonomy
from resale.phrases import plain_words

FOLDER = "listings"  # of the raw folder
TEXTS = ("title", "description", "text")
COLUMNS = (
    "source listing_id title description text brand category_raw gender_raw condition_raw size_raw "
    "colour_raw material_raw price currency price_kind retail_price date image split_group"
).split()
KINDS = ("asked", "sold")
KEPT = "kept"
FENCE = 3.0  # Tukey's outer fence on log price, as for the catalogues
LEAST_FENCED = 20  # rows of a platform from which on it has quartiles
LARGEST_GROUP = 0.02  # of all rows, but never below 20: what more rows share links nothing
MOST = 12  # different names of one description, as for the catalogues, or the reverse
SIDES = (("test", 0.2), ("validation", 0.36), ("train", 1.0))  # and their upper ends
SIZE_WORDS = frozenset(
    "size taille talla taglia grosse gr tg vel velikost rozmiar maat tamanho sz xs xl xxl xxxl "
    "one 사이즈".split()
)
PRICE_BANDS, LEAST_BANDED = 5, 125  # quintiles of a platform with so many groups
LARGE = 0.05  # of the rows of a stratum
LEAST_STRATUM = 7  # groups; smaller platforms are divided together


def read_listings(raw: Path) -> tuple[pd.DataFrame, list[tuple]] | None:
    """The listings of the raw folder as rows of the product table, with ``split`` and ``group``.

    The account has ``source, table, outcome, rows, detail``; the rows of table "listings" add up
    to the files. None where the folder has no CSV. Raises StageError for files that cannot be read.
    """
    files = sorted(path for path in (raw / FOLDER).glob("*") if path.suffix.lower() == ".csv")
    if not files:
        return None
    frames, others = [], []
    for path in files:
        frame, lacking = _read_file(path)
        if lacking:
            others.append(f"{path.name} (lacks {lacking})")
        else:
            frames.append(frame)
    if not frames:
        raise StageError(f"{raw / FOLDER} holds no listings: {', '.join(others)}")
    if others:
        print(f"{raw / FOLDER}: left aside, no listings in {', '.join(others)}", flush=True)
    rows = pd.concat(frames, ignore_index=True)
    products = _products(rows, raw)
    outcome = _judge(rows, products)
    account = _account(rows, products, outcome)
    products = products[outcome["outcome"] == KEPT].reset_index(drop=True)
    if len(products):
        products["group"] = groups(products)
        products["split"] = assign(products)
    return products, account


def read_file(path: Path) -> pd.DataFrame:
    """The usable listings of one CSV as rows of the product table, without a split.

    Raises StageError where there is none, or the file cannot be read.
    """
    if not path.is_file():
        raise StageError(f"{path} is not there")
    rows, lacking = _read_file(path)
    if lacking:
        raise StageError(f"{path} holds no listings (lacks {lacking})")
    products = _products(rows, path.parent)
    outcome = _judge(rows, products)["outcome"]
    if not (outcome == KEPT).any():
        raise StageError(f"{path} has no usable listing: {outcome.value_counts().to_dict()}")
    return products[outcome == KEPT].reset_index(drop=True)


def read_rows(path: Path) -> Iterator[list[str]]:
    """The header of a CSV, stripped and in lower case, then its rows; blank lines are left out.

    UTF-8 or UTF-16; commas, semicolons, tabs or bars, whichever the first line has most of. Raises
    StageError of one line where it cannot be read, or a quote that is never closed joins rows.
    """
    row_lines: list[str] = []  # of the row that is being read

    def lines(file: TextIO) -> Iterator[str]:
        for line in chain(file, ["\n"]):  # a quote still open at the end takes in the last
            row_lines.append(line)
            yield line

    try:
        with path.open("rb") as file:
            start = file.read(2)
        encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        if b"\0" in start:  # without the mark
            encoding = "utf-16-be" if start[0] == 0 else "utf-16-le"
        with path.open(encoding=encoding, newline="") as file:
            first = file.readline()
            separator = max(",;\t|", key=first.count)
            file.seek(0)
            reader, header = csv.reader(lines(file), delimiter=separator), True
            for row in reader:
                if len(row_lines) > 1:  # well quoted, or a quote that ran into other rows
                    next(csv.reader(row_lines, delimiter=separator, strict=True))
                row_lines.clear()
                if row:
                    yield [name.strip().lower() for name in row] if header else row
                    header = False
    except OSError as error:
        raise StageError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise StageError(f"{path} is neither UTF-8 nor UTF-16 ({error}); save it so") from error
    except csv.Error as error:
        number = reader.line_num - len(row_lines) + 1
        reason = f"a quote of line {number} is never closed" if len(row_lines) > 1 else error
        raise StageError(f"{path} is broken ({reason}); export it again as CSV") from error


def _read_file(path: Path) -> tuple[pd.DataFrame, str]:
    """A file's rows as text, or the columns that it lacks where it is something else.

    A row with too few or too many fields has a ``problem``. Raises StageError for a file that
    lacks one of the columns it needs, or cannot be read.
    """
    rows = read_rows(path)
    header = next(rows, [])
    needs = {"price": ["price"], "currency": ["currency"], "title or description": TEXTS}
    lacking = [name for name, columns in needs.items() if not {*columns} & {*header}]
    if len(lacking) > 1:
        return pd.DataFrame(), ", ".join(lacking)
    if lacking:
        raise StageError(f"{path} lacks the column {lacking[0]}; rename its own to that")
    places = {name: header.index(name) for name in COLUMNS if name in header}
    cells: dict[str, list[str]] = {name: [] for name in places}
    broken = []
    for row in rows:
        broken.append(len(row) != len(header))
        for name, place in places.items():
            cells[name].append("" if broken[-1] else row[place])
    frame = pd.DataFrame(cells, dtype=object)
    frame["problem"] = np.where(broken, "broken line", "")
    return _identify(frame, path), ""


def _identify(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """All of :data:`COLUMNS`, white space single; platform and id from the file where not given."""
    frame = frame.reindex(columns=[*COLUMNS, "problem"], fill_value="")
    for name in COLUMNS:
        frame[name] = [" ".join(cell.replace("\0", "").split()) for cell in frame[name]]
    frame["source"] = frame["source"].mask(frame["source"] == "", path.stem)
    ids = pd.Series([f"{path.stem}-{number}" for number in range(1, len(frame) + 1)], frame.index)
    frame["listing_id"] = frame["listing_id"].mask(frame["listing_id"] == "", ids)
    bare = (frame["title"] == "") & (frame["description"] == "")
    frame["title"] = frame["title"].mask(bare, frame["text"])
    return frame


def _products(rows: pd.DataFrame, raw: Path) -> pd.DataFrame:
    """Every raw row as a row of the product table, usable or not."""
    codes = rows["currency"].map(
        {raw: money.currency_code(raw) for raw in rows["currency"].unique()}
    )
    rate = codes.map(RATES).astype(float)
    price, new = (_numbers(rows[name]) for name in ("price", "retail_price"))
    texts = {}
    for name in ("title", "description"):
        pairs = zip(rows[name], codes, price, strict=True)
        texts[name], stated = zip(*(_clean(*pair) for pair in pairs), strict=True)
        # What equals the price is the price itself in other words.
        stated = pd.Series(stated, rows.index)
        new = new.fillna(stated.mask((stated / price - 1).abs() < 0.005))
    labels = rows.groupby(["category_raw", "gender_raw"], sort=False).ngroup()
    first = rows[["category_raw", "gender_raw"]][~labels.duplicated()]
    category = first["category_raw"].map(taxonomy.category)
    gender = [taxonomy.gender(g, c) for c, g in first.to_numpy()]
    category, gender = (np.array(values, object)[labels] for values in (category, gender))
    ids = rows["listing_id"]
    doubtful = rows.drop_duplicates(["source", "listing_id"])["listing_id"]
    shared = ids.isin(doubtful[doubtful.duplicated()])  # of two platforms
    return pd.DataFrame(
        {
            "product_key": ids.mask(shared, rows["source"] + ":" + ids),
            "dataset_source": rows["source"],
            "title": texts["title"],
            "description": texts["description"],
            "image_path": [_picture(raw, name) for name in rows["image"]],
            "price_usd": price * rate,
            "normalized_gender": gender,
            "normalized_category": category,
            "normalized_usage": "",
            "usage_is_native": False,
            "brand": rows["brand"],
            "product_type": rows["category_raw"],
            "section": rows["gender_raw"],
            "appearance": "",
            "colour": rows["colour_raw"],
            "market": "resale",
            "platform": rows["source"],
            "condition": rows["condition_raw"].map(condition.from_field),
            "price_kind": rows["price_kind"]
            .str.lower()
            .where(lambda kind: kind.isin(KINDS), "unknown"),
            "currency": codes,
            "size": rows["size_raw"],
            "material": rows["material_raw"],
            "new_price_usd": (new * rate).where(new > 0),
            "date": rows["date"],
            "category_is_native": category != "",
            "gender_is_native": gender != "",
            "split_group": rows["split_group"],
        }
    )


def _numbers(texts: pd.Series) -> pd.Series:
    """``12.5``, ``12,50``, ``1,299.00`` -> numbers; NaN for what is none."""
    numbers = pd.to_numeric(texts, errors="coerce")
    return numbers.where(numbers.notna(), texts[numbers.isna()].map(money.number)).astype(float)


def _clean(text: str, code: str, price: float) -> tuple[str, float]:
    """A text without amounts of money and without the listing's own price, and the new price."""
    new, text = money.read(text, code)
    if any(map(str.isdigit, text)):
        text = leakage.without_prices(text, leakage.own_amounts(price))
    return text, new


def _picture(raw: Path, name: str) -> str:
    """The picture below the raw folder, "" where it is not there; names lead out of no folder."""
    if not name or ":" in name or ".." in Path(name).parts or Path(name).is_absolute():
        return ""
    return f"{FOLDER}/{name}" if (raw / FOLDER / name).is_file() else ""


def _judge(rows: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """``outcome`` (the first reason against a row, or "kept") and the ``label`` it is about."""
    price = _numbers(rows["price"])
    same = ["source", "title", "description", "brand", "category_raw", "size_raw", "condition_raw"]
    same += ["colour_raw", "price", "currency", "price_kind", "date"]
    other = [
        taxonomy.other_goods(*pair)
        for pair in zip(rows["category_raw"], rows["gender_raw"], strict=True)
    ]
    other = pd.Series(other, rows.index)
    empty = (products["title"] == "") & (products["description"] == "")
    reasons = {
        "broken line": (rows["problem"] != "", ""),
        "no price": (~np.isfinite(price), rows["price"]),
        "price negative": (price < 0, ""),
        "price zero": (price == 0, ""),
        "no currency": (rows["currency"] == "", ""),
        "currency never seen": (products["currency"] == "", rows["currency"]),
        "no text": (empty, ""),
        "not wearable": (other != "", other),
        "repeated id": (products["product_key"].duplicated(), ""),
        "exact duplicate": (rows.duplicated(same), ""),
    }
    verdict = pd.DataFrame({"outcome": KEPT, "label": ""}, index=rows.index)
    for outcome, (applies, label) in reasons.items():
        applies &= verdict["outcome"] == KEPT
        verdict["label"] = verdict["label"].mask(applies, label)
        verdict["outcome"] = verdict["outcome"].mask(applies, outcome)
    usable = products[verdict["outcome"] == KEPT]
    log_usd = np.log(usable["price_usd"])
    by_platform = log_usd.groupby(usable["platform"])
    low, high = by_platform.transform("quantile", 0.25), by_platform.transform("quantile", 0.75)
    # Where half of the prices are one price, a fence of no width would cut all others.
    reach = FENCE * (high - low).clip(lower=0.1)
    outlying = ((log_usd < low - reach) | (log_usd > high + reach)) & (
        by_platform.transform("size") >= LEAST_FENCED
    )
    outlying = outlying.index[outlying]
    verdict.loc[outlying, "outcome"] = "price outlier"
    verdict.loc[outlying, "label"] = [f"{usd:.3g} USD" for usd in usable["price_usd"][outlying]]
    return verdict


def _account(rows: pd.DataFrame, products: pd.DataFrame, verdict: pd.DataFrame) -> list[tuple]:
    """Rows of the account: outcomes of raw rows, then what was read of those that were kept."""
    account = []
    for platform, outcomes in verdict.groupby(rows["source"], sort=True):
        for outcome, count in outcomes["outcome"].value_counts().items():
            labels = outcomes["label"][outcomes["outcome"] == outcome]
            counts = Counter(label for label in labels if label).most_common(20)
            detail = ", ".join(f"{label} {count}" for label, count in counts)
            account.append((platform, "listings", outcome, count, detail))
    kept = verdict["outcome"] == KEPT
    unread = kept & (rows["condition_raw"] != "") & (products["condition"] == "")
    for platform, words in rows["condition_raw"][unread].groupby(rows["source"][unread]):
        detail = ", ".join(f"{word[:40]} {n}" for word, n in words.value_counts()[:20].items())
        account.append((platform, "condition", "words never seen", len(words), detail))
    for name in ("title", "description"):
        touched = (products[name] != rows[name])[kept].groupby(rows["source"][kept]).sum()
        account += [
            (platform, name, "price taken out of it", n, "") for platform, n in touched.items() if n
        ]
    stated = products["new_price_usd"].notna()[kept].groupby(rows["source"][kept]).sum()
    account += [(platform, "new price", "stated", n, "") for platform, n in stated.items() if n]
    return account


def groups(products: pd.DataFrame) -> pd.Series:
    """The group of each listing, named after the smallest ``product_key`` in it.

    One group: what shares ``split_group``; on a platform the same words of the title (no numbers,
    no single letters) and brand, or the first 120 characters of the description; but not a generic
    name above many descriptions ("leather handbag"), nor boilerplate under many names.
    """
    platform = products["platform"] + " "
    words = [
        " ".join(sorted({word for word in plain_words(title).split() if _is_name(word)}))
        for title in products["title"]
    ]
    words = pd.Series(words, products.index)
    names = (platform + products["brand"].str.lower() + " " + words).mask(words == "", "")
    start = products["description"].str[:120]
    texts = (platform + start).mask(start.str.len() < 40, "")
    keys = (names, texts), (texts, names)
    names, texts = (
        key.mask(other.groupby(key).transform("nunique") > MOST, "") for key, other in keys
    )
    largest = max(20, LARGEST_GROUP * len(products))
    keys = [products["split_group"]]
    for key in (names, texts):
        keys.append(key.mask(key.map(key.value_counts()) > largest, ""))
    return splits.group_names(products["product_key"], splits.components(keys))


def _is_name(word: str) -> bool:
    """A word that is no number, size or single letter."""
    named = len(word) > 1 or not word.isascii()
    return named and word not in SIZE_WORDS and not any(c.isdigit() for c in word)


def assign(products: pd.DataFrame, seed: int = 0) -> pd.Series:
    """``split`` per row: 64/16/20 %; a ``group`` shares a side, strata are platform x price."""
    usd = np.log(products["price_usd"])
    strata = (
        products.assign(usd=usd)
        .groupby("group")
        .agg(rows=("usd", "size"), usd=("usd", "mean"), platform=("platform", "first"))
    )
    by_platform = strata.groupby("platform")
    size = by_platform["rows"].transform("size")
    band = np.minimum(
        (by_platform["usd"].rank(pct=True) * PRICE_BANDS).astype(int), PRICE_BANDS - 1
    )
    strata["stratum"] = strata["platform"] + " " + band.where(size >= LEAST_BANDED, 0).astype(str)
    strata["stratum"] = strata["stratum"].where(size >= LEAST_STRATUM, "small platforms")
    # A group that is much of its stratum would be most of a smaller side: it is learned from.
    strata["large"] = strata["rows"] > LARGE * strata.groupby("stratum")["rows"].transform("sum")
    strata = strata.sort_index().sample(frac=1, random_state=seed)
    strata = strata.sort_values(["stratum", "large"], kind="stable")
    by_stratum = strata.groupby("stratum")["rows"]
    place = (by_stratum.cumsum() - strata["rows"] / 2) / by_stratum.transform("sum")
    ends = [end for _, end in SIDES]
    side = np.array([name for name, _ in SIDES], object)[np.searchsorted(ends, place, "right")]
    split = products["group"].map(pd.Series(side, strata.index))
    if set(split) != {name for name, _ in SIDES}:
        raise StageError(f"{len(products)} listings are too few to split; use more")
    return split
