"""The kinds of product in the sample catalogue, under the labels of the two real downloads."""

import csv
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("kinds.csv")


@dataclass(frozen=True)
class Kind:
    """One kind of product; what occurs twice among its choices is chosen twice as often.

    `label` and `number` are H&M's product type or Fashion's article type. `main` and `part` are
    (number, name) of what stands beside it: product group (without a number) and garment group
    of H&M, master category and sub category of Fashion.
    """

    label: str
    number: int
    main: tuple[int | None, str]
    part: tuple[int, str]
    category: str
    silhouette: str
    noun: str
    genders: tuple[str, ...]
    materials: tuple[str, ...]
    usages: tuple[str, ...]
    patterns: tuple[str, ...]
    sleeves: tuple[str, ...]


def read_kinds() -> dict[str, tuple[Kind, ...]]:
    """The kinds of each source, in the order of the table."""
    kinds: dict[str, list[Kind]] = {"HNM": [], "FASHION": []}
    choices = ("genders", "materials", "usages", "patterns", "sleeves")
    with TABLE.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            kind = Kind(
                number=int(row["number"]),
                main=(int(row["main_number"]) if row["main_number"] else None, row["main"]),
                part=(int(row["part_number"]), row["part"]),
                **{name: row[name] for name in ("label", "category", "silhouette", "noun")},
                **{name: tuple(row[name].split("|")) for name in choices},
            )
            kinds[row["source"]].append(kind)
    return {source: tuple(rows) for source, rows in kinds.items()}


KINDS = read_kinds()
