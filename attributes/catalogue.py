"""Ground truth: what the Fashion catalogue itself lists of a product, to which readers are held.

``styles/<id>.json`` has ``brandName`` and ``articleAttributes``; their values are mapped to the
vocabulary. Whether a listing's text states such a value is decided by a plain search for the
catalogue's own words, apart from any reader.
"""

import re
from collections.abc import Iterable
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import orjson

from attributes.rules import name_key

# Attribute -> its name in the catalogue, and our values, each with the catalogue's where it is not
# the same word. Both Fabric (of clothes) and Material (of shoes and bags) are the rules' fabric.
_FIELDS = {
    "fabric": (
        "Fabric",
        "cotton=Cotton,Pure Cotton; blended=Blended,Cotton Blend,Silk Blend; polyester; synthetic; "
        "viscose=Viscose Rayon; silk=Silk,Dupion Silk; nylon; linen; microfibre=Microfiber; wool; "
        "bamboo",
    ),
    "material": (
        "Material",
        "synthetic leather=Synthetic Leather,Synthetic Suede,Synthetic Patent; canvas; "
        "synthetic=Synthetic,PU,PVC; leather; polyester; mesh; cotton; suede; nylon; acrylic",
    ),
    "care": ("Wash Care", "machine wash; dry clean; hand wash"),
    "fit": (
        "Fit",
        "regular=Regular Fit; slim=Slim Fit; skinny=Skinny Fit,Super Skinny Fit,Tight Fit; "
        "loose=Loose Fit; tapered=Tapered Fit",
    ),
    "pattern": (
        "Pattern",
        "printed=Printed,Patterned; solid; striped; checked; self design=Self Design,Woven Design; "
        "embellished; colourblocked; washed",
    ),
    "sleeve": (
        "Sleeve Length",
        "short=Short Sleeves; long=Long Sleeves; sleeveless=Sleeveless,No Sleeves; "
        "three-quarter=Three-Quarter Sleeves",
    ),
    "neck": (
        "Neck",
        "round=Round Neck; polo=Polo Collar; v=V-Neck; scoop=Scoop Neck; boat=Boat Neck; "
        "square=Square Neck; cowl=Cowl Neck; halter=Halter Neck; high=High Neck; mock=Mock Collar; "
        "mandarin=Mandarin Collar; keyhole=Keyhole Neck; tie-up=Tie-Up Neck; off-shoulder; "
        "one-shoulder=One Shoulder; strapless; shoulder straps; shirt collar",
    ),
    "length": (
        "Length",
        "regular; crop; ankle=Ankle Length,Above Ankle; knee=Knee Length,Above Knee; "
        "three-quarter=Three-Fourth Length; short; long=Long,Longline; mini; maxi",
    ),
    "occasion": (
        "Occasion",
        "casual=Casual,Everyday,Daily; formal=Formal,Work; sports; ethnic; party",
    ),
}
ATTRIBUTES = ("brand", *_FIELDS)


class ListedValue(NamedTuple):
    """value: of our vocabulary. words: as the catalogue writes it.

    also: other values that count as right. by_hand: labelled in the text, so stated by it.
    """

    value: str
    words: str
    also: tuple[str, ...] = ()
    by_hand: bool = False


def _by_catalogue_value(values: str) -> dict[str, str]:
    pairs = (entry.partition("=")[::2] for entry in values.split("; "))
    return {word: ours for ours, words in pairs for word in (words or ours.title()).split(",")}


_OURS = {name: (field, _by_catalogue_value(values)) for name, (field, values) in _FIELDS.items()}


def read(folder: Path, product_keys: Iterable[str]) -> list[dict[str, ListedValue]]:
    """What ``styles/<id>.json`` lists of these Fashion products, by attribute.

    A value that the vocabulary does not have (``Lace``, ``NA``) counts as not listed.
    """
    return [_of_product(folder / "styles" / f"{key.split(':')[1]}.json") for key in product_keys]


def _of_product(path: Path) -> dict[str, ListedValue]:
    product = orjson.loads(path.read_bytes())["data"]
    values = {}
    if brand := (product.get("brandName") or "").strip():
        values["brand"] = ListedValue(name_key(brand), brand)
    fields = product.get("articleAttributes") or {}
    for name, (field, ours) in _OURS.items():
        if (words := fields.get(field) or "") in ours:
            values[name] = ListedValue(ours[words], words)
    return values


def states(words: str, text: str) -> bool:
    """Whether a text holds all words of a value near each other, in any order and inflection.

    *Regular Fit* is stated by ``Fitting Regular`` and ``regular-fit``, not by ``regular`` alone.
    """
    stems = re.findall(r"[^\W_]+", words.casefold())
    stems = [re.escape(stem.removesuffix("s")) + r"\w*" for stem in stems]
    orders = permutations(stems) if len(stems) < 4 else [stems]
    near = r"[\W_]+(?:\w+\W+){0,2}?"
    return any(re.search(r"\b" + near.join(order), text, re.IGNORECASE) for order in orders)
