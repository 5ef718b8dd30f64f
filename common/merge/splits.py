"""The train/validation/test split of every stage: grouped, stratified, seeded; 64 / 16 / 20 %.

Rows that are one product lie on one side: those of a source with the same product code, display
name but for its colours, or whole description. A group is a connected component of these links.
Boilerplate, such as a washing instruction under dozens of names, links nothing.
"""

import re

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from common.artifacts import StageError

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
        component = components([table["product_key"], names, specific])
        if np.bincount(component).max() <= allowed:
            break
    return group_names(table["product_key"], component)


def group_names(keys: pd.Series, component: np.ndarray) -> pd.Series:
    """The smallest key of each row's component."""
    order = np.argsort(keys.to_numpy(), kind="stable")
    _, first = np.unique(component[order], return_index=True)
    return pd.Series(keys.to_numpy()[order[first]][component], keys.index, name="group")


def display_names(table: pd.DataFrame) -> pd.Series:
    """Titles reduced to what variants share: lower case, no colour words, no plural s."""
    keys = pd.Series("", index=table.index)
    for source, rows in table.groupby("dataset_source"):
        colours = {word for colour in rows["colour"].unique() for word in _words(colour).split()}
        titles = [_words(title).split() for title in rows["title"]]
        # A name that is all colour keeps it; otherwise such names would be one product.
        names = [[w.removesuffix("s") for w in t if w not in colours] or t for t in titles]
        keys[rows.index] = [" ".join([source, *words]) for words in names]
    return keys.where(table["title"] != "", "")


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def components(keys: list[pd.Series]) -> np.ndarray:
    """Connected components of rows that share a non-empty value of any key."""
    count, rows = len(keys[0]), np.tile(np.arange(len(keys[0])), len(keys))
    values = pd.concat([f"{number} " + key.where(key != "") for number, key in enumerate(keys)])
    codes, uniques = pd.factorize(values)  # -1 where the key is empty
    links = rows[codes >= 0], count + codes[codes >= 0]
    graph = coo_array((np.ones(len(links[0]), bool), links), shape=(count + len(uniques),) * 2)
    return connected_components(graph, directed=False)[1][:count]


def assign(table: pd.DataFrame, seed: int = 0) -> pd.Series:
    """One of `SPLITS` per row: a ``group`` shares a side, strata are source x price band."""
    return _divide(table, StratifiedGroupKFold(5, shuffle=True, random_state=seed), table["group"])


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
        groups_of_rest = None if group is None else group.iloc[rest]
        try:
            _, fifth = next(folds.split(rest, bands.iloc[rest], groups_of_rest))
        except ValueError as error:
            raise StageError(f"{len(table)} products are too few to split; use more") from error
        split.iloc[rest[fifth]] = side
    return split
