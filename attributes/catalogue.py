"""What the Fashion catalogue itself lists of a product: the truth that readers are held to.

``styles/<id>.json`` has ``brandName`` and ``articleAttributes``; their values are mapped to the
vocabulary of :mod:`attributes.normal_words`. Whether a listing's text states such a value is
decided by a plain search for the catalogue's own words, apart from any reader.
"""

import re
from collections.abc import Iterable
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import orjson

from attributes.rules import name_key

# attribute -> its name in the catalogue, and the catalogue's values by ours. Both Fabric (of
# clothes) and Material (of shoes and bags) are the reader's ``fabric``.
FIELDS = {
    "fabric": (
        "Fabric",
        {
            "cotton": ("Cotton", "Pure Cotton"),
            "blended": ("Blended", "Cotton Blend", "Silk Blend"),
            "polyester": ("Polyester",),
            "synthetic": ("Synthetic",),
            "viscose": ("Viscose Rayon",),
            "silk": ("Silk", "Dupion Silk"),
            "nylon": ("Nylon",),
            "linen": ("Linen",),
            "microfibre": ("Microfiber",),
            "wool": ("Wool",),
            "bamboo": ("Bamboo",),
        },
    ),
    "material": (
        "Material",
        {
            "synthetic leather": ("Synthetic Leather", "Synthetic Suede", "Synthetic Patent"),
            "canvas": ("Canvas",),
            "synthetic": ("Synthetic", "PU", "PVC"),
            "leather": ("Leather",),
            "polyester": ("Polyester",),
            "mesh": ("Mesh",),
            "cotton": ("Cotton",),
            "suede": ("Suede",),
            "nylon": ("Nylon",),
            "acrylic": ("Acrylic",),
        },
    ),
    "care": (
        "Wash Care",
        {
            "machine wash": ("Machine Wash",),
            "dry clean": ("Dry Clean",),
            "hand wash": ("Hand Wash",),
        },
    ),
    "fit": (
        "Fit",
        {
            "regular": ("Regular Fit",),
            "slim": ("Slim Fit",),
            "skinny": ("Skinny Fit", "Super Skinny Fit", "Tight Fit"),
            "loose": ("Loose Fit",),
            "tapered": ("Tapered Fit",),
        },
    ),
    "pattern": (
        "Pattern",
        {
            "printed": ("Printed", "Patterned"),
            "solid": ("Solid",),
            "striped": ("Striped",),
            "checked": ("Checked",),
            "self design": ("Self Design", "Woven Design"),
            "embellished": ("Embellished",),
            "colourblocked": ("Colourblocked",),
            "washed": ("Washed",),
        },
    ),
    "sleeve": (
        "Sleeve Length",
        {
            "short": ("Short Sleeves",),
            "long": ("Long Sleeves",),
            "sleeveless": ("Sleeveless", "No Sleeves"),
            "three-quarter": ("Three-Quarter Sleeves",),
        },
    ),
    "neck": (
        "Neck",
        {
            "round": ("Round Neck",),
            "polo": ("Polo Collar",),
            "v": ("V-Neck",),
            "scoop": ("Scoop Neck",),
            "boat": ("Boat Neck",),
            "square": ("Square Neck",),
            "cowl": ("Cowl Neck",),
            "halter": ("Halter Neck",),
            "high": ("High Neck",),
            "mock": ("Mock Collar",),
            "mandarin": ("Mandarin Collar",),
            "keyhole": ("Keyhole Neck",),
            "tie-up": ("Tie-Up Neck",),
            "off-shoulder": ("Off-Shoulder",),
            "one-shoulder": ("One Shoulder",),
            "strapless": ("Strapless",),
            "shoulder straps": ("Shoulder Straps",),
            "shirt collar": ("Shirt Collar",),
        },
    ),
    "length": (
        "Length",
        {
            "regular": ("Regular",),
            "crop": ("Crop",),
            "ankle": ("Ankle Length", "Above Ankle"),
            "knee": ("Knee Length", "Above Knee"),
            "three-quarter": ("Three-Fourth Length",),
            "short": ("Short",),
            "long": ("Long", "Longline"),
            "mini": ("Mini",),
            "maxi": ("Maxi",),
        },
    ),
    "occasion": (
        "Occasion",
        {
            "casual": ("Casual", "Everyday", "Daily"),
            "formal": ("Formal", "Work"),
            "sports": ("Sports",),
            "ethnic": ("Ethnic",),
            "party": ("Party",),
        },
    ),
}
ATTRIBUTES = ("brand", *FIELDS)


class Listed(NamedTuple):
    """value: of our vocabulary. words: as the catalogue writes it.

    also: other values that count as right. by_hand: read in the text, so stated by it.
    """

    value: str
    words: str
    also: tuple[str, ...] = ()
    by_hand: bool = False


_OURS = {
    name: {theirs: ours for ours, ways in values.items() for theirs in ways}
    for name, (_, values) in FIELDS.items()
}


def read(folder: Path, product_keys: Iterable[str]) -> list[dict[str, Listed]]:
    """What ``styles/<id>.json`` lists of these Fashion products, by attribute.

    A value that the vocabulary does not have (``Lace``, ``NA``) counts as not listed.
    """
    return [_of(folder / "styles" / f"{key.split(':')[1]}.json") for key in product_keys]


def _of(path: Path) -> dict[str, Listed]:
    product = orjson.loads(path.read_bytes())["data"]
    found = {}
    if brand := (product.get("brandName") or "").strip():
        found["brand"] = Listed(name_key(brand), brand)
    listed = product.get("articleAttributes") or {}
    for name, (field, _) in FIELDS.items():
        words = listed.get(field) or ""
        if value := _OURS[name].get(words):
            found[name] = Listed(value, words)
    return found


def folded(text: str) -> str:
    """Words in lower case, one space between."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def states(words: str, text: str) -> bool:
    """Whether a text holds all words of a value near each other, in any order and inflection.

    *Regular Fit* is stated by ``Fitting Regular`` and ``regular-fit``, not by ``regular`` alone.
    """
    stems = [re.escape(word.removesuffix("s")) + r"\w*" for word in folded(words).split()]
    orders = permutations(stems) if len(stems) < 4 else [stems]
    near = r"[\W_]+(?:\w+\W+){0,2}?"
    return any(re.search(r"\b" + near.join(order), text, re.IGNORECASE) for order in orders)
