"""Source labels -> 5 genders, 11 categories, 8 usages; the mappings are in ``taxonomy.toml``.

The category follows the fine type (H&M ``product_type_name``, Fashion ``articleType``), so that a
class means the same in both. Any other value maps to ``None`` and is reported by name, not guessed.

Borderline rules: one-piece garments (jumpsuit, romper) are Dresses; a set takes the category of its
upper piece; sweatshirts and hoodies are Knitwear, as H&M's type "Sweater" holds them too; blouses
and tunics are Tops; nightwear, hosiery that is underwear and sports bras are Innerwear; waistcoats
and blazers are Outerwear; bags, headwear, eyewear, belts, ties and gloves are Accessories.
"""

import tomllib
from pathlib import Path

GENDERS = ("Men", "Women", "Boys", "Girls", "Unisex")
CATEGORIES = tuple(
    "Tops Shirts Knitwear Outerwear Bottomwear Dresses Innerwear Swimwear Ethnic Shoes "
    "Accessories".split()
)
USAGES = ("Casual", "Sports", "Ethnic", "Formal", "Smart Casual", "Party", "Travel", "Home")

_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def _class_of_label(source: str, table: str) -> dict[str, str]:
    """``Tops = ["Top", "T-shirt"]`` -> ``{"Top": "Tops", "T-shirt": "Tops"}``."""
    return {label: name for name, labels in _TABLES[source][table].items() for label in labels}


HNM_DROPPED = frozenset(_TABLES["hnm"]["dropped"])
HNM_CATEGORY = _class_of_label("hnm", "category")
HNM_UNTYPED = "Unknown"  # H&M leaves the type of some articles so
HNM_UNTYPED_CATEGORY = _class_of_label("hnm", "untyped")
HNM_INDEX_GENDER = _class_of_label("hnm", "index_gender")
HNM_SECTION_GENDER = _class_of_label("hnm", "section_gender")
HNM_SECTION_USAGE = _class_of_label("hnm", "section_usage")
HNM_GARMENT_GROUP_USAGE = _class_of_label("hnm", "garment_group_usage")
FASHION_DROPPED = frozenset(_TABLES["fashion"]["dropped"])
FASHION_CATEGORY = _class_of_label("fashion", "category")
FASHION_AGE_GENDER = _class_of_label("fashion", "age_gender")


def hnm_category(product_type: str, garment_group: str) -> str | None:
    """The category of an H&M article, or None: dropped on purpose (`HNM_DROPPED`) or unseen."""
    if product_type == HNM_UNTYPED:
        return HNM_UNTYPED_CATEGORY.get(garment_group)
    return HNM_CATEGORY.get(product_type)


def hnm_gender(index_group: str, section: str, department: str) -> str | None:
    """Index group, then section, then department; what names no side is Unisex; None if unseen."""
    if index_group not in ("Sport", "Baby/Children"):
        return HNM_INDEX_GENDER.get(index_group)
    if section in HNM_SECTION_GENDER:
        return HNM_SECTION_GENDER[section]
    for name in (section, department):  # "Young Girl", "Dress-up Boys"
        words = set(name.lower().split())
        girls, boys = bool(words & {"girl", "girls"}), bool(words & {"boy", "boys"})
        if girls != boys:
            return "Girls" if girls else "Boys"
    return "Unisex"


def hnm_usage(section: str, garment_group: str) -> str:
    """H&M has no usage: section, then garment group (suits: "Dressed"), else Casual."""
    return HNM_SECTION_USAGE.get(section) or HNM_GARMENT_GROUP_USAGE.get(garment_group, "Casual")


def fashion_gender(gender: str, age_group: str) -> str | None:
    """``gender``, except that ``ageGroup`` knows children that it calls Men or Women."""
    return FASHION_AGE_GENDER.get(age_group) or (gender if gender in GENDERS else None)


def fashion_usage(usage: str) -> tuple[str | None, bool]:
    """(usage, whether the source said it). A missing one (``NA``, empty) is taken for Casual."""
    if usage in ("", "NA"):
        return "Casual", False
    return (usage, True) if usage in USAGES else (None, True)
