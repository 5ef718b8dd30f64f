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
    if "price_usd" in table:
        table["price_usd"] = table["price_usd"].astype(float)
    if "usage_is_native" in table:
        table["usage_is_native"] = table["usage_is_native"] == "True"
    return table


def listing_text(table: pd.DataFrame) -> list[str]:
    """What is embedded and prompted with: ``title. description``."""
    return [
        f"{title}. {description}" if description else title
        for title, description in zip(table["title"], table["description"], strict=True)
    ]
