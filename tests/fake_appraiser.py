"""An appraiser of the real one's shape whose answers are known beforehand."""

import threading
from pathlib import Path

from pricing.predictor import Answer, Comparable, Label, Listing


class FakeAppraiser:
    """Prices by rule: "refuse", "fail" and "wait" in the text make it do so."""

    trained = {"data": "fake", "created": "2026-01-31T12:00:00+00:00", "preset": "embedded"}

    def __init__(self, pictures: tuple[Path, ...] = ()):
        self.pictures = pictures
        self.seen: list[Listing] = []
        self.go_on = threading.Event()

    def appraise(self, listings):
        self.seen.extend(listings)
        return [self._answer(listing) for listing in listings]

    def _answer(self, listing: Listing) -> Answer:
        if "fail" in listing.text:
            raise RuntimeError(f"no model for {listing.text}")
        if "wait" in listing.text:
            self.go_on.wait(120)
        nothing = not listing.text and listing.image is None
        refused = "nothing_to_go_by" if nothing or "refuse" in listing.text else None
        return Answer(
            price_usd=None if refused else 24.5,
            low_usd=None if refused else 14.99,
            high_usd=None if refused else 39.0,
            refusal=refused,
            doubts=("unknown_brand",) if "<" in listing.text else (),
            doubt=1.0 if refused else 0.2,
            labels={
                "category": Label("Bottomwear", 0.97),
                "gender": Label("Men", 0.88),
                "usage": Label("Casual", 0.93),
            },
            read={"brand": listing.known.get("brand", "Levi's"), "item": listing.text},
            inferred={"colour": Label("Dark Blue", 0.71)},
            comparables=tuple(
                Comparable(
                    f"FASHION:{n}",
                    f"<script>alert({n})</script> Jeans {n}",
                    price,
                    0.95 - n / 50,
                    self.pictures[n % len(self.pictures)] if self.pictures else None,
                )
                for n, price in enumerate((19.99, 24.0, 24.5, 29.99, 49.0))
            ),
            moved=(("brand", 6.4), ("photo", -2.1)),
        )
