"""What the sample catalogue sells: kinds, brands, materials, colours, and the price formula.

    price in USD = BASE[category] * BRAND[brand] * MATERIAL[material] * GENDER[gender] * (1 + e)

e is normal with standard deviation NOISE, cut at two of them, mean 0: the formula without it is
the best guess anybody can make from a listing. Brand, material and gender stand in the text,
category and gender in the picture too. All names of brands are invented; the labels (types,
sections, usages, colours) are those of the two real downloads, so that the taxonomy maps them.
"""

from dataclasses import dataclass

import numpy as np

from sample.kinds import KINDS, Kind
from sample.texts import NAMES, Words, words

EUR_USD, INR_USD = 1.15, 0.011
NOISE = 0.16
BASE = {
    "Tops": 14.0, "Shirts": 23.0, "Knitwear": 28.0, "Outerwear": 44.0, "Bottomwear": 25.0,
    "Dresses": 30.0, "Innerwear": 11.0, "Swimwear": 17.0, "Ethnic": 27.0, "Shoes": 36.0,
    "Accessories": 19.0,
}  # fmt: skip
HNM_BRAND = {"Norrby Basics": 0.7, "Norrby": 1.0, "Norrby Studio": 1.35, "Norrby Atelier": 1.75}
FASHION_BRAND = {
    "Pemberly & Co": 0.65, "Zintara": 0.85, "Marlow Finch": 1.1, "Oakhurst Lane": 1.35,
    "Vellamo": 1.75, "Pacelane": 0.8, "Stridewell": 1.4, "Sutrika": 0.85, "Nandivar": 1.45,
    "Little Otter": 1.0,
}  # fmt: skip
BRAND = HNM_BRAND | FASHION_BRAND
MATERIAL = {
    "polyester": 0.8, "rubber": 0.75, "faux leather": 0.85, "canvas": 0.9, "nylon": 0.9,
    "viscose": 0.95, "cotton": 1.0, "linen": 1.2, "wool": 1.35, "silk": 1.55, "leather": 1.5,
    "cashmere": 1.75,
}  # fmt: skip
GENDER = {"Men": 1.1, "Women": 1.0, "Unisex": 0.85, "Boys": 0.65, "Girls": 0.6}

# name: RGB; H&M's colour group (code, name), perceived value, perceived master; Fashion's name
COLOURS = {
    "black": ((26, 26, 30), ("09", "Black"), (4, "Dark"), (5, "Black"), "Black"),
    "white": ((242, 241, 236), ("10", "White"), (3, "Light"), (9, "White"), "White"),
    "navy blue": ((32, 44, 88), ("73", "Dark Blue"), (4, "Dark"), (2, "Blue"), "Navy Blue"),
    "blue": ((64, 112, 186), ("72", "Blue"), (2, "Medium Dusty"), (2, "Blue"), "Blue"),
    "grey": ((136, 138, 142), ("07", "Grey"), (1, "Dusty Light"), (12, "Grey"), "Grey"),
    "red": ((188, 38, 46), ("42", "Red"), (5, "Bright"), (18, "Red"), "Red"),
    "pink": ((232, 150, 178), ("51", "Light Pink"), (1, "Dusty Light"), (4, "Pink"), "Pink"),
    "green": ((52, 110, 70), ("93", "Dark Green"), (4, "Dark"), (19, "Green"), "Green"),
    "olive": ((106, 108, 66), ("19", "Greenish Khaki"), (4, "Dark"), (20, "Khaki green"), "Olive"),
    "beige": ((212, 190, 156), ("13", "Beige"), (2, "Medium Dusty"), (11, "Beige"), "Beige"),
    "brown": ((112, 76, 52), ("17", "Yellowish Brown"), (4, "Dark"), (13, "Brown"), "Brown"),
    "yellow": ((236, 196, 74), ("22", "Yellow"), (7, "Medium"), (8, "Yellow"), "Yellow"),
    "orange": ((226, 122, 52), ("32", "Orange"), (5, "Bright"), (3, "Orange"), "Orange"),
    "purple": ((122, 82, 150), ("61", "Light Purple"), (3, "Light"), (1, "Lilac"), "Purple"),
}
PALETTE = {
    "Women": "black|white|navy blue|red|pink|beige|green|purple|brown",
    "Men": "black|white|navy blue|blue|grey|olive|brown|green",
    "Boys": "blue|navy blue|red|green|orange|yellow|grey",
    "Girls": "pink|purple|yellow|white|red|orange",
    "Unisex": "white|grey|beige|yellow|green|blue|black|olive",
}
# H&M's graphical appearance (number, name) by pattern
APPEARANCE = {
    "solid": (1010016, "Solid"),
    "striped": (1010017, "Stripe"),
    "checked": (1010004, "Check"),
    "dotted": (1010006, "Dot"),
    "printed": (1010001, "All over pattern"),
    "denim": (1010023, "Denim"),
}


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
    palette = ["navy blue", "blue", "black", "grey"] if denim else PALETTE[gender].split("|")
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
