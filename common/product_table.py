"""The product table: which columns are numbers, and what a model reads as its text."""

from pathlib import Path

import pandas as pd

from common.artifacts import StageError


def read_table(path: str | Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Reads a product table: all text (``0108775015`` keeps its zero) but price and flag.

    Raises StageError for an empty file or a missing column, by name.
    """
    try:
        header = pd.read_csv(path, dtype=str, nrows=0).columns
        missing = [name for name in columns or [] if name not in header]
        if missing:
            raise StageError(f"{path} has no column {', '.join(missing)}; make the file anew")
        table = pd.read_csv(path, dtype=str, keep_default_na=False, usecols=columns)
    except pd.errors.EmptyDataError as error:
        raise StageError(f"{path} is empty; make it anew with --force") from error
    if columns is None and "market" not in header:  # of a run that knew the catalogues only
        table["market"] = "retail"
    for name in {"price_usd", "new_price_usd"} & {*table}:
        table[name] = pd.to_numeric(table[name])  # "" is NaN
    for name in (name for name in table if name.endswith("_is_native")):
        table[name] = table[name] == "True"
    return table


def listing_text(table: pd.DataFrame) -> list[str]:
    """What is embedded and prompted with: ``title. description``."""
    pairs = zip(table["title"], table["description"], strict=True)
    return [". ".join(filter(None, pair)) for pair in pairs]
