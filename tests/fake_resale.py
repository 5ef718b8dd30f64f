"""Second-hand listings with a known price, and models of the real ones' shape that know it."""

import numpy as np
import pandas as pd

from pricing.resale import ResalePredictor
from resale.brands import brand_key
from resale.comparables import Comparables
from resale.condition import CONDITIONS
from resale.model import Prices
from resale.platforms import Platforms

ITEMS = {
    "boots": "Shoes",
    "부츠": "Shoes",
    "dress": "Dresses",
    "robe": "Dresses",
    "원피스": "Dresses",
}
BRANDS = {"Nike": 1.0, "Gucci": 4.0, "Quillmark": 0.5}
STEP, SOLD = 0.2, -0.3  # of log price: a step of condition; sold against asked
PLATFORMS = Platforms(
    names=["attic", "closet_eu", "closet_us"],
    median=[3.0] * 3,
    scale=[0.5] * 3,
    rows=[40, 30, 20],
    kinds=[{"asked": 20, "sold": 20}, {"asked": 30}, {"sold": 20}],
    script=["latin"] * 3,
    general=[True] * 3,
)


def listings() -> pd.DataFrame:
    """Two listings of each item, brand, condition and platform, priced by :class:`FakeModel`."""
    rows = [
        {
            "title": f"{brand} {item} {number}",
            "description": f"{item}, call +49 170 1234567 or mail me@shop.example",
            "brand": brand,
            "condition": grade,
            "normalized_category": category,
            "normalized_gender": "Women",
            "size": "M",
            "platform": platform,
            "price_kind": "asked" if number else "sold",
            "new_price_usd": np.nan,
        }
        for item, category in ITEMS.items()
        for brand in BRANDS
        for grade in CONDITIONS
        for platform in PLATFORMS.names
        for number in range(2)
    ]
    table = pd.DataFrame(rows)
    return table.assign(price_usd=np.exp(FakeModel().predict(table)))


class FakeModel:
    """20 USD, times a factor of the brand, a step for each condition, less where it was sold."""

    platforms, adapted = PLATFORMS, {}

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        factors = {brand_key(brand): factor for brand, factor in BRANDS.items()}
        brand = np.array([factors.get(brand_key(name), 1.0) for name in table["brand"]])
        grade = np.array(
            [CONDITIONS.index(name) if name in CONDITIONS else 2 for name in table["condition"]]
        )
        sold = (table["price_kind"] == "sold").to_numpy()
        new = np.nan_to_num(table["new_price_usd"].to_numpy(float)) > 50
        return np.log(20 * brand) + STEP * (grade - 2) + SOLD * sold + 0.5 * new

    def price(self, table: pd.DataFrame) -> Prices:
        log_usd = self.predict(table)
        return Prices(log_usd, log_usd - 0.7, log_usd + 0.7)


class FakeLabels:
    """Knows the items above."""

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        category = [
            next((ITEMS[item] for item in ITEMS if item in title), "") for title in table["title"]
        ]
        labels = {"category": category, "confidence": 0.95, "gender": ""}
        return pd.DataFrame(labels, table.index)


def fake_resale(**options) -> ResalePredictor:
    training = {"data": "fake", "created": "2026-01-31", "preset": "embedded", "products": 450}
    comparables = Comparables.fit(listings())
    return ResalePredictor(FakeModel(), comparables, FakeLabels(), training, **options)
