"""The kinds of product in the sample catalogue, under the labels of the two real downloads."""

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kind:
    """One kind of product; what occurs twice among its choices is chosen twice as often.

    `label` and `number` are H&M's product type or Fashion's article type. `main` and `part` are
    (number, name) of what stands beside it: product group (of number 0) and garment group
    of H&M, master category and sub category of Fashion.
    """

    label: str
    number: int
    main: tuple[int, str]
    part: tuple[int, str]
    category: str
    silhouette: str
    noun: str
    genders: tuple[str, ...]
    materials: tuple[str, ...]
    usages: tuple[str, ...]
    patterns: tuple[str, ...]
    sleeves: tuple[str, ...]


_TEXTS = ("label", "category", "silhouette", "noun")
_CHOICES = ("genders", "materials", "usages", "patterns", "sleeves")
# By source, in the order of the table.
KINDS: dict[str, list[Kind]] = {"HNM": [], "FASHION": []}
with Path(__file__).with_suffix(".csv").open(newline="", encoding="utf-8") as _file:
    for _row in csv.DictReader(_file):
        _kind = Kind(
            number=int(_row["number"]),
            main=(int(_row["main_number"] or 0), _row["main"]),
            part=(int(_row["part_number"]), _row["part"]),
            **{name: _row[name] for name in _TEXTS},
            **{name: tuple(_row[name].split("|")) for name in _CHOICES},
        )
        KINDS[_row["source"]].append(_kind)
