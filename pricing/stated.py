"""What a seller states of a listing, in any known words -> fields of the product table.

A value that is not known is refused by name, with what is possible.
"""

import re
from collections.abc import Mapping, Sequence

from common.merge.currency import RATES
from common.merge.taxonomy import CATEGORIES, GENDERS, USAGES
from resale import money, taxonomy
from resale.condition import CONDITIONS, from_field

# What may be stated -> the field of a listing.
FIELDS = {
    "condition": "condition",
    "brand": "brand",
    "size": "size",
    "category": "normalized_category",
    "gender": "normalized_gender",
    "usage": "normalized_usage",
    "colour": "colour",
    "platform": "platform",
    "currency": "currency",
    "new_price": "new_price",
}


class StatedError(ValueError):
    """A value that is not known; the text says which, and what is possible."""

    def __init__(self, name: str, value: str, possible: str):
        super().__init__(f"{name.replace('_', '-')} {value!r} is not known; possible: {possible}")
        self.name = name


def fields(values: Mapping[str, str | None], platforms: Sequence[str] = ()) -> dict[str, str]:
    """Fields of a :class:`pricing.predictor.ListingInput` by names of ``FIELDS``; empty ones go.

    platforms: names that the model knows; the part before an underscore stands for the first of
    its platforms. Raises StatedError.
    """
    known = {
        "condition": (lambda raw: _exact(raw, CONDITIONS) or from_field(raw), CONDITIONS),
        "category": (lambda raw: _exact(raw, CATEGORIES) or taxonomy.category(raw), CATEGORIES),
        "gender": (lambda raw: _exact(raw, GENDERS) or taxonomy.gender(raw), GENDERS),
        "usage": (lambda raw: _exact(raw, USAGES), USAGES),
        "platform": (lambda raw: _platform(raw, platforms), platforms),
        "currency": (money.currency_code, RATES),
        "new_price": (
            lambda raw: new_price(raw, values.get("currency")),
            ["a number above 0, in the currency stated (USD)"],
        ),
    }
    stated = {}
    for name, raw in values.items():
        value = (raw or "").strip()
        if value and name in known:
            function, possible = known[name]
            value = function(value)
            if not value:
                raise StatedError(name, raw, ", ".join(possible) or "none, without listings")
        if value:
            stated[FIELDS[name]] = value
    return stated


def marketplace_fields(category: str, gender: str, condition: str) -> dict[str, str]:
    """Fields of a marketplace's own words; those that map to nothing of ours are left out."""
    found = {
        "normalized_category": taxonomy.category(category),
        "normalized_gender": taxonomy.gender(gender, category),
        "condition": from_field(condition),
    }
    return {name: value for name, value in found.items() if value}


def _exact(raw: str, values: Sequence[str]) -> str:
    return next((value for value in values if value.lower() == raw.lower()), "")


def _platform(raw: str, platforms: Sequence[str]) -> str:
    starts = (name for name in platforms if name.lower().split("_")[0] == raw.lower())
    return _exact(raw, platforms) or next(starts, "")


def new_price(raw: str, currency: str | None) -> str:
    """``1 200,50`` -> ``1200.5``; "" for no number above 0, or an amount of another currency."""
    unit = re.sub(r"[\d.,\s]+", "", raw)
    value = money.number(raw)
    other = unit and money.currency_code(unit) != money.currency_code(currency or "USD")
    return f"{value:.12g}" if 0 < value < 1e12 and not other else ""
