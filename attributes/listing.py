"""What is known of a listing in normal values: the schema, and the ``normal_*`` columns.

Flat and bounded: every value is of a closed vocabulary (:mod:`attributes.normal_words`) or short,
and empty where the text says nothing. The words as found stand beside, in the ``llm_*`` columns.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from attributes import normalize as normal
from attributes.normal_words import FIBRES, NORMAL
from attributes.rules import item

PREFIX = "normal_"
MOST_FIBRES = 6  # of a composition; cloth has two or three

NAME_CHARACTERS = 60

_Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=NAME_CHARACTERS)]
_FIBRE = rf"({'|'.join(FIBRES)}) \d{{1,3}}(\.\d+)?"
_Fibres = Annotated[
    str, StringConstraints(pattern=rf"^({_FIBRE}(, {_FIBRE}){{0,{MOST_FIBRES - 1}}})?$")
]


def _one_of(name: str) -> object:
    return Literal[("", *NORMAL[name])]


class Listing(BaseModel):
    """Normal values of one listing. Raises ValueError for a value that is not of the schema."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    brand: _Name = Field("", description="as the catalogue spells it, or as found")
    fibres: _Fibres = Field("", description="fibres and percent: cotton 60, polyester 40")
    fabric: _one_of("fabric") = Field("", description="the stuff that it is mostly made of")
    care: _one_of("care") = Field("", description="how it is cleaned")
    fit: _one_of("fit") = ""
    pattern: _one_of("pattern") = ""
    sleeve: _one_of("sleeve") = ""
    neck: _one_of("neck") = ""
    length: _one_of("length") = ""
    occasion: _one_of("occasion") = ""
    item: _Name = Field("", description="the garment, in the singular")


COLUMNS = {name: PREFIX + name for name in Listing.model_fields}


def of_text(
    title: str, description: str, found: Mapping[str, str], spelling: Mapping[str, str]
) -> Listing:
    """What the text says. ``found``: what the rules read (:func:`attributes.rules.read`);
    ``spelling``: of brands (:func:`attributes.rules.spellings`)."""
    values = normal.read(title, description, found["brand"])
    return _listing(values, found, f"{title}. {description}", spelling)


def of_words(said: Mapping[str, str], spelling: Mapping[str, str]) -> Listing:
    """What the words say that a model gave for the attributes of its schema."""
    known = {**said, "item": item(said["item"], "") or said["item"]}
    return _listing(normal.of_words(said), known, said["material"], spelling)


def _listing(
    values: Mapping[str, normal.Mention],
    names: Mapping[str, str],
    composition: str,
    spelling: Mapping[str, str],
) -> Listing:
    fibres = [part for part in normal.composition(composition) if 0 < part.percent <= 100]
    return Listing(
        brand=_bounded(normal.brand(names["brand"], spelling)),
        fibres=", ".join(f"{part.name} {part.percent:g}" for part in fibres[:MOST_FIBRES]),
        item=_bounded(normal.singular(names["item"])),
        **{name: mention.value for name, mention in values.items()},
    )


def _bounded(name: str) -> str:
    # Whatever is longer is no name; the words as found keep it.
    return name if len(name) <= NAME_CHARACTERS else ""


def joined(first: Listing, second: Listing) -> dict[str, str]:
    """The ``normal_*`` columns: what the first says, and the second where the first is silent."""
    return {
        column: getattr(first, name) or getattr(second, name) for name, column in COLUMNS.items()
    }
