"""What the sample catalogue sells: kinds, brands, materials, colours, and the price formula.

    price in USD = BASE[category] * BRAND[brand] * MATERIAL[material] * GENDER[gender] * (1 + e)

e is normal with standard deviation NOISE, cut at two of them, mean 0: the formula without it is
the best guess anybody can make from a listing. Brand, material and gender stand in the text,
category and gender in the picture too. All names of brands are invented; the labels (types,
sections, usages, colours) are those of the two real downloads, so that the taxonomy maps them.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sample.kinds import KINDS, Kind
from sample.texts import NAMES, Words, words

EUR_USD, INR_USD = 1.15, 0.011
NOISE = 0.16
_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
BASE, MATERIAL, GENDER = (_TABLES[name] for name in ("base", "material", "gender"))
HNM_BRAND, COLOURS = _TABLES["hnm_brand"], _TABLES["colours"]
BRAND = HNM_BRAND | _TABLES["fashion_brand"]
APPEARANCE = _TABLES["appearance"]  # pattern -> H&M's number and name for it


@dataclass(frozen=True)
class Product:
    """One product in one or more colours; `ids` and `colours` run in parallel.

    `ids` are article ids (HNM, ten digits) or style ids (FASHION). `price` is what the shop
    asks: euro cents (HNM) or rupees (FASHION). `case` names the planted case, if any.
    """

    source: str
    kind: Kind
    brand: str
    material: str
    gender: str
    usage: str
    pattern: str
    sleeve: str
    words: Words
    ids: list[str]
    colours: list[str]
    accent: str
    price: int
    case: str = ""

    @property
    def keys(self) -> list[str]:
        """As in ``merged_dataset.csv``: H&M's colours are one product, Fashion's are several."""
        if self.source == "HNM":
            return [f"HNM:{self.ids[0][:7]}"]
        return [f"FASHION:{style}" for style in self.ids]

    @property
    def look(self) -> str:
        """The pattern where a text names it, else ""."""
        return "" if self.pattern in ("solid", "denim") else self.pattern

    @property
    def expected_usd(self) -> float:
        """The formula's price, without noise."""
        return expected_usd(self.kind.category, self.brand, self.material, self.gender)

    @property
    def observed_usd(self) -> float:
        """The price that the merge must find."""
        return self.price / 100 * EUR_USD if self.source == "HNM" else self.price * INR_USD


def expected_usd(category: str, brand: str, material: str, gender: str) -> float:
    return BASE[category] * BRAND[brand] * MATERIAL[material] * GENDER[gender]


def shop_price(source: str, usd: float) -> int:
    """The nearest price point: x.49 and x.99 euro, in cents; xx49 and xx99 rupees."""
    money, step = (usd / EUR_USD * 100, 50) if source == "HNM" else (usd / INR_USD, 50)
    return max(step, round((money + 1) / step) * step) - 1


def brands_of(source: str, gender: str, usage: str) -> tuple[str, ...]:
    if source == "HNM":
        return tuple(HNM_BRAND)
    if usage == "Sports":
        return ("Pacelane", "Stridewell")
    if usage == "Ethnic":
        return ("Pemberly & Co", "Sutrika", "Nandivar")
    child = ("Little Otter",) if gender in ("Boys", "Girls") else ()
    return ("Pemberly & Co", "Zintara", "Marlow Finch", "Oakhurst Lane", "Vellamo", *child)


def usages_of(source: str, kind: Kind, gender: str) -> list[str]:
    """The occasions of a kind; children have no office, and H&M's Smart Casual is a men's shelf."""
    never = set()
    if gender in ("Boys", "Girls"):
        never = {"Formal", "Smart Casual"}
    elif source == "HNM" and gender != "Men":
        never = {"Smart Casual"}
    return [usage for usage in kind.usages if usage not in never] or ["Casual"]


def invent(source: str, count: int, rng: np.random.Generator) -> list[Product]:
    """`count` products of one source: categories, kinds and genders as even as they come."""
    # Fashion's last digit is left to the colours of a style.
    numbers = np.arange(100_000, 960_000) if source == "HNM" else np.arange(150, 99_000)
    numbers = rng.choice(numbers, count, replace=False)
    by_category: dict[str, list[Kind]] = {}
    for kind in KINDS[source]:
        by_category.setdefault(kind.category, []).append(kind)
    shelves = list(by_category.values())
    # In turn, not at random: two products of one kind and name would pass for one product.
    names = rng.permutation(NAMES)
    return [
        _product(source, shelves, i, int(numbers[i]), str(names[i % len(names)]), rng)
        for i in range(count)
    ]


def _product(
    source: str,
    shelves: list[list[Kind]],
    index: int,
    number: int,
    name: str,
    rng: np.random.Generator,
) -> Product:
    # Shelves in turn, then the kinds of a shelf, then genders: none of them is left to chance.
    turn, shelf = divmod(index, len(shelves))
    visit, place = divmod(turn, len(shelves[shelf]))
    kind = shelves[shelf][place]
    gender = kind.genders[(visit + place) % len(kind.genders)]
    usage = str(rng.choice(usages_of(source, kind, gender)))
    brand = str(rng.choice(brands_of(source, gender, usage)))
    material = str(rng.choice(kind.materials))
    noise = np.clip(rng.normal(), -2, 2) * NOISE
    usd = expected_usd(kind.category, brand, material, gender) * (1 + noise)
    denim = kind.patterns == ("denim",)
    palette = ["navy blue", "blue", "black", "grey"] if denim else _TABLES["palette"][gender]
    hnm = source == "HNM"
    others = (rng.random() < 0.3) + (rng.random() < 0.1) if hnm else int(index % 12 == 5)
    colours = [str(c) for c in rng.permutation(palette)[: 1 + others]]
    ids = [f"0{number}{i + 1:03}" if hnm else f"{number}{i}" for i in range(len(colours))]
    worn = kind.category not in ("Shoes", "Accessories")
    return Product(
        source=source,
        kind=kind,
        brand=brand,
        material=material,
        gender=gender,
        usage=usage,
        pattern=str(rng.choice(kind.patterns)),
        sleeve=str(rng.choice(kind.sleeves)),
        words=words(name, material, gender, usage, worn, rng),
        ids=ids,
        colours=colours,
        accent=str(rng.choice([c for c in COLOURS if c not in colours])),
        price=shop_price(source, usd),
    )
