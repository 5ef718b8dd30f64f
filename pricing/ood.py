"""How far a listing is from all that the models know, as one number.

A photo is strange by its distance from the training photos: one minus the mean cosine similarity
to the five nearest, divided by the distance that all but ``STRANGEST`` of the validation photos
keep. A text is strange by its distance from the training texts likewise (there, validation
products are told in three ways: description, title, and a line as a seller writes it; the loosest
counts), or by the share of its words that no training text has, whichever is more. Strangeness x
becomes the doubt x / (1 + x) of 0..1, so that 0.5 is the threshold: from there on a photo or a
text is set aside, and the price rests on what remains. The doubt of a listing is that of its least
strange part; where it is 0.5 or more nothing remains, and the listing is not priced (kNN distance:
Sun et al., "Out-of-distribution detection with deep nearest neighbors", ICML 2022).
"""

from dataclasses import dataclass

import numpy as np

from pricing.neighbours import Index, mean_of_nearest

STRANGEST = 0.01  # of the validation listings, by each measure
CONTRADICTORY = 0.03  # of them; more, since a contradiction only widens the range
FEWEST_UNKNOWN = 0.75  # share of unknown words that is never held against a text


@dataclass(frozen=True)
class Thresholds:
    """Chosen on validation listings.

    photo, text: distances. words: share of unknown words. agreement: the probability that photo
    and text show one category, below which they contradict each other.
    """

    photo: float
    text: float
    words: float
    agreement: float

    @classmethod
    def choose(
        cls, photo: np.ndarray, text: list[np.ndarray], words: np.ndarray, agreement: np.ndarray
    ) -> "Thresholds":
        """From the validation listings' own figures, arrays of any lengths; ``text``: one a way to
        tell a product, of which the loosest counts."""
        high = 1 - STRANGEST
        return cls(
            float(np.quantile(photo, high)),
            float(max(np.quantile(one, high) for one in text)),
            float(max(FEWEST_UNKNOWN, min(0.95, np.quantile(words, high)))),
            float(np.quantile(agreement, CONTRADICTORY)),
        )

    def of_photo(self, distance: np.ndarray) -> np.ndarray:
        """Doubt of photos by their distance; NaN stays NaN."""
        return _doubt(distance / self.photo)

    def of_text(self, distance: np.ndarray, words: np.ndarray) -> np.ndarray:
        """Doubt of texts by their distance and their share of unknown words."""
        return _doubt(np.maximum(distance / self.text, words / self.words))


def distances(index: Index, image: np.ndarray, text: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances of photos and of texts from the known products; NaN where there is none."""
    found = []
    for part, own in ((image, index.image), (text, index.text)):
        there = ~np.isnan(part[:, 0])
        one = np.full(len(part), np.nan, np.float32)
        if there.any():
            one[there] = 1 - mean_of_nearest(part[there], own)
        found.append(one)
    return found[0], found[1]


def agreement(by_photo: np.ndarray, by_text: np.ndarray) -> np.ndarray:
    """The probability that both speak of one class: (n, n_classes) twice -> (n,)."""
    return (by_photo * by_text).sum(axis=1)


def _doubt(strangeness: np.ndarray) -> np.ndarray:
    strangeness = np.maximum(strangeness, 0)
    return strangeness / (1 + strangeness)
