"""Ground truth: what the Fashion catalogue itself lists of a product, to which readers are held.

``styles/<id>.json`` has ``brandName`` and ``articleAttributes``; their values are mapped to the
vocabulary. Whether a listing's text states such a value is decided by a plain search for the
catalogue's own words, apart from any reader.
"""

import csv
import re
from collections.abc import Iterable
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import orjson

from attributes.rules import name_key

# Attribute -> its field in the catalogue, and our value by the catalogue's. Its Fabric (of clothes)
# and Material (of shoes and bags) both are the rules' fabric.
_FIELDS: dict[str, tuple[str, dict[str, str]]] = {}
with Path(__file__).with_suffix(".csv").open(newline="", encoding="utf-8") as _file:
    for _row in csv.DictReader(_file):
        _, _values = _FIELDS.setdefault(_row["attribute"], (_row["field"], {}))
        _values |= dict.fromkeys(_row["listed_as"].split("|"), _row["value"])
ATTRIBUTES = ("brand", *_FIELDS)


class ListedValue(NamedTuple):
    """value: of our vocabulary. words: as the catalogue writes it.

    also: other values that count as right. by_hand: labelled in the text, so stated by it.
    """

    value: str
    words: str
    also: tuple[str, ...] = ()
    by_hand: bool = False


def read(folder: Path, product_keys: Iterable[str]) -> list[dict[str, ListedValue]]:
    """What ``styles/<id>.json`` lists of these Fashion products, by attribute.

    A value that the vocabulary does not have (``Lace``, ``NA``) counts as not listed.
    """
    products = []
    for key in product_keys:
        path = folder / "styles" / f"{key.partition(':')[2]}.json"
        product = orjson.loads(path.read_bytes())["data"]
        listed = {}
        if brand := (product.get("brandName") or "").strip():
            listed["brand"] = ListedValue(name_key(brand), brand)
        attributes = product.get("articleAttributes") or {}
        for name, (field, values) in _FIELDS.items():
            if (words := attributes.get(field) or "") in values:
                listed[name] = ListedValue(values[words], words)
        products.append(listed)
    return products


def states(words: str, text: str) -> bool:
    """Whether a text holds all words of a value near each other, in any order and inflection.

    *Regular Fit* is stated by ``Fitting Regular`` and ``regular-fit``, not by ``regular`` alone.
    """
    stems = re.findall(r"[^\W_]+", words.casefold())
    stems = [re.escape(stem.removesuffix("s")) + r"\w*" for stem in stems]
    orders = permutations(stems) if len(stems) < 4 else [stems]
    near = r"[\W_]+(?:\w+\W+){0,2}?"
    return any(re.search(r"\b" + near.join(order), text, re.IGNORECASE) for order in orders)
