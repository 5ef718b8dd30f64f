"""What the price models read of a listing: one frame of normal text, grades and numbers."""

import functools
import re
import unicodedata

import numpy as np
import pandas as pd

from resale.brands import brand_key
from resale.condition import CONDITIONS, from_text

# Columns of the product table, and what they are called here.
SHORT = {
    "platform": "platform",
    "price_kind": "kind",
    "product_type": "category",
    "section": "gender",
    "normalized_category": "our_category",
    "normalized_gender": "our_gender",
    "size": "size",
    "colour": "colour",
    "material": "material",
}
BLANK = ("category", "category_end", "gender", "size", "colour", "material", "month")
DESCRIPTION = 600  # characters that are read of a description
WORD = re.compile(r"[^\W_]+")
_SIGNS = re.compile(r"[^\w\s.,:;/%+&'’\"()-]+")  # emoji, too
_REPEATED = re.compile(r"([^\w\s])\1+")


def normal(text: str) -> str:
    """Lower case in compatibility form, without accents."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).lower())
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", text)


def clean(text: str) -> str:
    """Normal text without what a seller adds for effect: emoji, ``!!!``, spaces."""
    return " ".join(_REPEATED.sub(r"\1", _SIGNS.sub(" ", normal(text))).split())


def column(table: pd.DataFrame, name: str) -> pd.Series:
    """A text column of the table; empty where the table lacks it or a cell is missing."""
    if name not in table:
        return pd.Series("", table.index, dtype=object)
    return table[name].astype(object).where(table[name].notna(), "").astype(str)


def read_fields(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the product table as the models read them, with a fresh index.

    Absent and empty columns are unknown. Text is normal (:func:`normal`), title and
    description clean (:func:`clean`); `brand` is a brand key;
    `grade` and `text_grade` are places in CONDITIONS, -1 unknown; `log_new` is the log of the
    stated new price in USD and `day` an ordinal, NaN where unknown; `letters` and `digits`
    are counts of the title.
    """
    table = table.reset_index(drop=True)
    short = {new: _each(normal, column(table, old)) for old, new in SHORT.items()}
    short["platform"] = column(table, "platform")  # a name, not a text
    short["kind"] = short["kind"].where(short["kind"] != "unknown", "")
    fields = pd.DataFrame(short)
    fields["category_end"] = _each(lambda text: re.split("[/.]", text)[-1], fields["category"])
    fields["brand"] = _each(brand_key, column(table, "brand"))
    fields["grade"] = _grades(column(table, "condition"))
    title, description = column(table, "title"), column(table, "description")
    texts = pd.Series([f"{a} \n {b}" for a, b in zip(title, description, strict=True)], dtype=str)
    fields["text_grade"] = _grades(pd.Series([from_text(text) for text in texts], dtype=object))
    fields["title"] = title.map(clean)
    fields["description"] = description.str.slice(0, DESCRIPTION).map(clean)
    fields["letters"] = fields["title"].str.len().astype(np.float32)
    fields["digits"] = fields["title"].str.count(r"\d").astype(np.float32)
    new = pd.to_numeric(column(table, "new_price_usd"), errors="coerce").to_numpy(np.float64)
    fields["log_new"] = np.log(np.where(new > 0, new, np.nan))
    date = column(table, "date")
    fields["month"] = date.str.slice(0, 7)
    fields["day"] = _each(_ordinal, date.str.slice(0, 10)).astype(np.float64)
    return fields


def fields_stated(fields: pd.DataFrame) -> np.ndarray:
    """(n,) how many of the fields of a marketplace's form a listing has; 0: a seller's line."""
    return (fields[[*BLANK, "description"]] != "").sum(axis=1).to_numpy()


def blank(fields: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Listings as a seller types them: a title, and now and then a brand or a condition.

    What a marketplace's form asks for is gone; brand, our labels, size, the kind of price,
    condition and new price are kept in a share of the rows.
    """
    draw, fields = np.random.default_rng(seed), fields.copy()
    fields[[name for name in (*BLANK, "description") if name != "size"]] = ""
    fields["day"] = np.nan
    for names, share, unknown in (
        (["brand"], 0.4, ""),
        (["size"], 0.6, ""),
        (["our_category", "our_gender"], 0.3, ""),
        (["kind"], 0.3, ""),
        (["grade"], 0.3, -1),
        (["log_new"], 0.5, np.nan),
    ):
        fields.loc[draw.random(len(fields)) < share, names] = unknown
    return fields


def _each(function, values: pd.Series) -> pd.Series:
    # Short columns repeat themselves.
    return values.map({value: function(value) for value in values.unique()})


def _grades(conditions: pd.Series) -> np.ndarray:
    return pd.Index(CONDITIONS).get_indexer(conditions)


@functools.cache
def _ordinal(date: str) -> float:
    """Day of ``2024-05-17``, ``2024-05`` or ``2024``; NaN for anything else."""
    day = pd.to_datetime(date, errors="coerce", format="ISO8601")
    return float("nan") if pd.isna(day) else float(day.toordinal())
