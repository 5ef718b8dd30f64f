"""Reads the two Kaggle downloads into plain frames, one row per raw row.

- H&M: ``articles.csv``, ``transactions_train.csv``, ``images/012/0123456789.jpg``
- Fashion: ``styles.csv``, ``styles/<id>.json`` (or ``styles/styles/``), ``images/<id>.jpg``

What a whole file lacks (a column, every row, the zeros of its ids) is a :class:`StageError`; what
a row lacks stands in its ``problem`` column. Nothing is dropped here.
"""

import multiprocessing
import os
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd

from common import runtime
from common.artifacts import StageError
from common.merge.fashion_json import read_detail

HNM_URL = "https://www.kaggle.com/competitions/h-and-m-personalized-fashion-recommendations"
FASHION_URL = "https://www.kaggle.com/datasets/paramaggarwal/fashion-product-images-dataset"

ARTICLE_COLUMNS = tuple(
    "article_id product_code prod_name product_type_name graphical_appearance_name "
    "colour_group_name department_name index_group_name section_name garment_group_name "
    "detail_desc".split()
)
TRANSACTION_COLUMNS = ("article_id", "price")
STYLE_COLUMNS = tuple(
    "id gender masterCategory subCategory articleType baseColour season year usage "
    "productDisplayName".split()
)

PRICE_SCALE = 59_000  # every H&M price is an integer over this
_NUMBER = r"\d{1,9}|\d+\.0"  # what an id becomes in a program that takes it for a number
DEEP_DISCOUNT = 0.5  # of the price that the product has at full price
FULL_PRICE_QUANTILE = 0.9


def read_articles(folder: Path) -> pd.DataFrame:
    """``articles.csv`` as text, with ``problem`` and ``image`` (below the raw folder, or "")."""
    path = folder / "articles.csv"
    _check_header(path, ARTICLE_COLUMNS, HNM_URL)
    try:
        articles = pd.read_csv(path, dtype=str, keep_default_na=False, usecols=ARTICLE_COLUMNS)
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise StageError(f"{path} is broken ({error}); download it again from {HNM_URL}") from error
    articles["problem"] = ""
    _check_ids(articles, "article_id", r"\d{10}", path)
    # The first seven digits are the product; the column product_code repeats them.
    return articles.assign(product_code=articles["article_id"].str[:7])


def article_prices(path: Path, statistic: str = "median") -> tuple[pd.DataFrame, dict[str, int]]:
    """One price per article from all its transactions, out of core, in one pass.

    The full price of a product is the 0.9 quantile of all transactions of its variants; those
    below half of it are clearance. ``statistic`` of the rest: ``median``, ``mean``, ``mode`` (most
    frequent, the higher of two) or ``high`` (the full price). Returns the frame ``article_id,
    price`` (scaled) and the transactions by what became of them, which add up to the file.
    """
    if statistic not in STATISTICS:
        raise ValueError(f"statistic {statistic!r} is none of {', '.join(STATISTICS)}")
    import duckdb

    header = dict.fromkeys(_check_header(path, TRANSACTION_COLUMNS, HNM_URL), "VARCHAR")
    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as db:
        db.execute("SET memory_limit = '500MB'; SET preserve_insertion_order = false")
        db.execute("SET temp_directory = ?", [spill])
        # Few distinct prices per article: the histogram is small whatever the file's length.
        try:
            db.execute(_HISTOGRAM, {"path": str(path), "columns": header, "scale": PRICE_SCALE})
        except duckdb.InvalidInputException as error:
            reason = str(error).partition("\n")[0]
            raise StageError(f"{path} is broken ({reason}); download it again") from error
        where = f"WHERE regexp_full_match(article_id, '{_NUMBER}')"
        lost = db.execute(f"SELECT sum(n)::BIGINT, any_value(article_id) FROM histogram {where}")
        _refuse_numbers(path, *lost.fetchone())
        db.execute(_FULL_PRICES, {"quantile": FULL_PRICE_QUANTILE, "cut": DEEP_DISCOUNT})
        counts = db.execute("SELECT state, sum(n)::BIGINT FROM judged GROUP BY state").fetchall()
        prices = db.execute(_PRICES.format(statistic=STATISTICS[statistic])).df()
    if prices.empty:
        raise StageError(f"{path} holds no usable price; download it again from {HNM_URL}")
    prices["price"] /= PRICE_SCALE
    return prices, dict(sorted(counts))


_HISTOGRAM, _FULL_PRICES, _PRICES = (
    Path(__file__).with_name("article_prices.sql").read_text("utf-8").rstrip(";\n").split(";\n")
)
STATISTICS = {
    # Over a histogram: the mean of the lower and the upper median.
    "median": "(min(price) FILTER (2 * upto >= total) + min(price) FILTER (2 * upto > total)) / 2",
    "mean": "sum(price * n) / sum(n)",
    "mode": "arg_max(price, (n, price)) * 1.0",
    "high": "any_value(full_price) * 1.0",
}


def read_styles(folder: Path) -> pd.DataFrame:
    """``styles.csv`` with what ``styles/<id>.json`` adds, one row per line, all text.

    From the JSON: ``discounted_inr`` and ``list_inr`` (float, rupees), ``brand``, ``age_group``,
    ``description`` (plain text), ``rating``, ``vat``; ``image``, ``problem``: `read_articles`.
    """
    styles = list_styles(folder)
    ids = styles["id"][styles["problem"] == ""]
    if ids.empty:
        raise StageError(f"{folder}/styles.csv holds no product; download it from {FASHION_URL}")
    place = folder / "styles"
    if not place.is_dir():
        raise StageError(f"{place} is missing; download it from {FASHION_URL}")
    place = place / "styles" if (place / "styles").is_dir() else place  # unpacked into itself
    # Spawned, not forked: DuckDB and torch may already have threads here.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(runtime.cpu_count(), mp_context=context) as pool:
        with runtime.interrupts_left_to_parent():
            details = pool.map(read_detail, [f"{place}/{i}.json" for i in ids], chunksize=256)
        details = list(runtime.Progress(details, "reading styles/*.json", len(ids), "files"))
    details = pd.DataFrame(details, index=ids.index)
    styles.update(details.pop("problem"))
    if "description" not in details:
        raise StageError(f"{place} holds no usable JSON; download it from {FASHION_URL}")
    return styles.join(details)


def list_styles(folder: Path) -> pd.DataFrame:
    """``styles.csv`` alone. Not CSV: the display name, its last field, holds commas and quotes."""
    path = folder / "styles.csv"
    header = _check_header(path, STYLE_COLUMNS, FASHION_URL)
    if header[-1] != STYLE_COLUMNS[-1]:
        raise StageError(f"{path}: {STYLE_COLUMNS[-1]} is not the last column; download it again")
    rows, problems = [], []
    for line in filter(str.strip, path.read_text("utf-8-sig", errors="replace").splitlines()[1:]):
        fields = line.split(",", len(header) - 1)
        problems.append("" if len(fields) == len(header) else "broken line")
        rows.append(fields + [""] * (len(header) - len(fields)))
    styles = pd.DataFrame(rows, columns=header, dtype=str)[list(STYLE_COLUMNS)]
    name = styles["productDisplayName"]
    quoted = name.str.fullmatch(r'".*"')
    styles["productDisplayName"] = name.where(~quoted, name.str[1:-1].str.replace('""', '"'))
    styles["problem"] = problems
    _check_ids(styles, "id", r"\d+", path)
    return styles


def _check_header(path: Path, columns: Iterable[str], url: str) -> list[str]:
    if not path.is_file():
        for deeper in path.parent.glob(f"*/**/{path.name}"):
            raise StageError(f"{deeper.parent} lies too deep: move its content up")
        raise StageError(f"{path} is missing; download it from {url} (or pass --raw-dir)")
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = [name.strip().strip('"') for name in file.readline().split(",")]
        if not any(header) or not file.read(1):
            raise StageError(f"{path} is empty; download it again from {url}")
    missing = [name for name in columns if name not in header]
    if missing:
        raise StageError(f"{path} lacks the column {', '.join(missing)}; download it from {url}")
    return header


def _check_ids(table: pd.DataFrame, column: str, pattern: str, path: Path) -> None:
    """Adds ``image``, from any folder below images/; ``problem`` gets what is wrong with an id."""
    ids, well_formed = table[column], table[column].str.fullmatch(pattern)
    numbers = ids[~well_formed & ids.str.fullmatch(_NUMBER)]
    _refuse_numbers(path, len(numbers), "".join(numbers[:1]))
    table.loc[(table["problem"] == "") & ~well_formed, "problem"] = "malformed id"
    table.loc[(table["problem"] == "") & ids.duplicated(), "problem"] = "repeated id"
    images, files = path.with_name("images"), {}
    if not images.is_dir():
        raise StageError(f"{images} is missing; download them too (or pass --raw-dir)")
    for place, _, names in sorted(os.walk(images, followlinks=True)):
        # Names, not Paths: there are a hundred thousand of them.
        inside = Path(place).relative_to(path.parent.parent).as_posix()
        for stem, _, ending in (name.rpartition(".") for name in names):
            if ending.lower() in ("jpg", "jpeg"):
                files.setdefault(stem, f"{inside}/{stem}.{ending}")
    table["image"] = [files.get(i, "") for i in ids.where(well_formed, "")]


def _refuse_numbers(path: Path, rows: int | None, example: str | None) -> None:
    if rows:
        raise StageError(
            f"{path}: {rows} ids have lost their leading zero or gained a fraction (such as "
            f"{example}): a program took them for numbers; use the original download"
        )
