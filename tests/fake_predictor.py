"""A predictor of the real one's shape whose estimates are known beforehand."""

import threading
from pathlib import Path

from pricing.predictor import Comparable, Label, ListingInput, PriceEstimate


class FakePredictor:
    """Prices by rule: "refuse", "fail" and "wait" in the text make it do so."""

    market, platforms = "retail", ()
    training = {"data": "fake", "created": "2026-01-31T12:00:00+00:00", "preset": "embedded"}

    def __init__(self, pictures: tuple[Path, ...] = ()):
        self.pictures = pictures
        self.inputs: list[ListingInput] = []
        self.go_on = threading.Event()

    def predict(self, listings):
        self.inputs.extend(listings)
        return [self._estimate(listing) for listing in listings]

    def _estimate(self, listing: ListingInput) -> PriceEstimate:
        if "fail" in listing.text:
            raise RuntimeError(f"no model for {listing.text}")
        if "wait" in listing.text:
            self.go_on.wait(120)
        if "refuse" in listing.text or (not listing.text and listing.image is None):
            return PriceEstimate(refusal="no_input")
        return PriceEstimate(
            price_usd=24.5,
            low_usd=14.99,
            high_usd=39.0,
            doubts=("unknown_brand",) if "<" in listing.text else (),
            ood_score=0.2,
            labels={
                "category": Label("Bottomwear", 0.97),
                "gender": Label("Men", 0.88),
                "usage": Label("Casual", 0.93),
            },
            attributes={"brand": listing.fields.get("brand", "Levi's"), "item": listing.text},
            inferred={"colour": Label("Dark Blue", 0.71)},
            comparables=tuple(
                Comparable(
                    f"FASHION:{n}",
                    f"<script>alert({n})</script> Jeans {n}",
                    "Levi's",
                    price,
                    0.95 - n / 50,
                    self.pictures[n % len(self.pictures)] if self.pictures else None,
                )
                for n, price in enumerate((19.99, 24.0, 24.5, 29.99, 49.0))
            ),
            attributions=(("brand", 6.4), ("photo", -2.1)),
        )
