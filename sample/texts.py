"""The words of the sample catalogue: titles, descriptions, fit, composition, care."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
NAMES = _WORDS["names"]


@dataclass(frozen=True)
class Words:
    """The parts that both layouts put together in their own way; plain text, no price."""

    name: str
    whom: str
    occasion: str
    fit: str  # "" for what is not worn on the body
    detail: str
    composition: str
    care: str
    variant: int  # which of the wordings and markups of a layout


def words(
    name: str, material: str, gender: str, usage: str, worn: bool, rng: np.random.Generator
) -> Words:
    pick = rng.choice
    return Words(
        name=name,
        whom=str(pick(_WORDS["whom"][gender])),
        occasion=str(pick(_WORDS["occasion"][usage])),
        fit=str(pick(_WORDS["fits"])) if worn else "",
        detail=str(pick(_WORDS["worn_on_body" if worn else "carried"])),
        composition=composition(material, rng),
        care=str(pick(_WORDS["care"][_WORDS["care_of"].get(material, "wash")])),
        variant=int(rng.integers(1000)),
    )


def composition(material: str, rng: np.random.Generator) -> str:
    """The fibres in one of several wordings, e.g. ``95% cotton, 5% elastane``."""
    second = _WORDS["second_fibre"].get(material)
    if second is None:
        forms = (f"Upper: 100% {material}", f"100% {material}", f"Made of {material}")
        return str(rng.choice(forms))
    if rng.random() < 0.5:
        return str(rng.choice((f"100% {material}", f"{material.capitalize()} 100%",
                               f"Made from pure {material}")))  # fmt: skip
    share = int(rng.choice((98, 95, 90, 85, 80)))
    rest = 100 - share
    forms = (
        f"{share}% {material}, {rest}% {second}",
        f"{material.capitalize()} {share}%, {second} {rest}%",
        f"Shell: {share}% {material} and {rest}% {second}",
    )
    return str(rng.choice(forms))
