"""The train/validation/test split of every stage: grouped, stratified, seeded; 64 / 16 / 20 %.

Rows that are one product must lie on one side, or a model is scored on what it has seen. Two
rows of a source are one product when they share

- the product code (H&M: one row already, all its colours are merged), or
- the display name but for its colour words ("Arrow Men Blue Shirt", "Arrow Men White Shirts"), or
- the whole description.

A group is a connected component of these links. One kind of description links nothing:
boilerplate, such as a washing instruction under dozens of unrelated names, which in the full
catalogue would chain thousands of products into one group.
"""

import re

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

SPLITS = ("train", "validation", "test")
PRICE_BANDS = 5  # quintiles of each source
# A description under more than this many different names is boilerplate. The highest limit
# holds whatever the size; the lower ones only step in when a group grows too large.
BOILERPLATE_NAMES = (12, 6, 3, 1)
LARGEST_GROUP = 0.02  # of all rows, but never below 200 rows


def groups(table: pd.DataFrame) -> pd.Series:
    """The group of each row, named after the smallest ``product_key`` in it."""
    names = display_names(table)
    texts = table["dataset_source"] + " " + table["description"].map(_words)
    texts = texts.where(table["description"] != "", "")
    names_of_text = names.groupby(texts).nunique()
    allowed = max(200, LARGEST_GROUP * len(table))
    for limit in BOILERPLATE_NAMES:
        specific = texts.where(texts.map(names_of_text) <= limit, "")
        component = _components([table["product_key"], names, specific])
        if np.bincount(component).max() <= allowed:
            break
    return table["product_key"].groupby(component).transform("min").rename("group")


def display_names(table: pd.DataFrame) -> pd.Series:
    """Titles reduced to what variants share: lower case, no colour words, no plural s."""
    keys = pd.Series("", index=table.index)
    for source, rows in table.groupby("dataset_source"):
        colours = {word for colour in rows["colour"].unique() for word in _words(colour).split()}
        keys[rows.index] = [
            " ".join([source, *(w.removesuffix("s") for w in words.split() if w not in colours)])
            # A name that is all colour keeps it; otherwise such names would be one product.
            if not set(words.split()) <= colours
            else f"{source} {words}"
            for words in rows["title"].map(_words)
        ]
    return keys.where(table["title"] != "", "")


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def _components(keys: list[pd.Series]) -> np.ndarray:
    """Connected components of rows that share a non-empty value of any key."""
    rows, values, offset = [], [], len(keys[0])
    for key in keys:
        filled = np.flatnonzero(key != "")
        codes, uniques = pd.factorize(key.iloc[filled])
        rows.append(filled)
        values.append(codes + offset)
        offset += len(uniques)
    links = (np.concatenate(rows), np.concatenate(values))
    graph = coo_array((np.ones(len(links[0]), bool), links), shape=(offset, offset))
    return connected_components(graph, directed=False)[1][: len(keys[0])]


def assign(table: pd.DataFrame, seed: int = 0) -> pd.Series:
    """``train`` / ``validation`` / ``test`` per row, stratified by source x price band.

    Rows of one ``group`` (column of ``table``, else computed) share a side.
    """
    group = table["group"] if "group" in table else groups(table)
    return _divide(table, StratifiedGroupKFold(5, shuffle=True, random_state=seed), group)


def random_split(table: pd.DataFrame, seed: int = 0) -> pd.Series:
    """The study's split, for comparison: stratified likewise, but variants fall anywhere."""
    return _divide(table, StratifiedKFold(5, shuffle=True, random_state=seed), None)


def price_bands(table: pd.DataFrame) -> pd.Series:
    """``HNM 0`` ... ``FASHION 4``: source and its price quintile."""
    rank = table.groupby("dataset_source")["price_usd"].rank(pct=True)
    band = np.minimum((rank * PRICE_BANDS).astype(int), PRICE_BANDS - 1)
    return table["dataset_source"] + " " + band.astype(str)


def _divide(table: pd.DataFrame, folds, group: pd.Series | None) -> pd.Series:
    bands = price_bands(table)
    split = pd.Series("train", index=table.index, name="split")
    # A fifth for testing; of the other four fifths, a fifth (16 % of all) for validation.
    for side in ("test", "validation"):
        rest = np.flatnonzero(split == "train")
        _, chosen = next(
            folds.split(rest, bands.iloc[rest], None if group is None else group.iloc[rest])
        )
        split.iloc[rest[chosen]] = side
    return split
