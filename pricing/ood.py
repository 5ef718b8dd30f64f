"""Out-of-distribution score of a listing: how far its photo and text are from the training data.

The distance of a photo or a text is one minus its mean cosine similarity to the nearest training
products (Sun et al., "Out-of-distribution detection with deep nearest neighbors", ICML 2022); a
text is also judged by its share of words that no training text has. Either is divided by the
threshold that all but ``OUTLIERS`` of the validation listings keep, and the ratio x becomes the
score x / (1 + x), 0..1, so that ``CUTOFF`` is the threshold. A part at or above it is ignored; a
listing scores as its better part, and without any part below the cutoff it is not priced.
"""

from dataclasses import dataclass

import numpy as np

from pricing.neighbours import NeighbourIndex, mean_similarity

CUTOFF = 0.5
OUTLIERS = 0.01  # of the validation listings, by each measure
CONTRADICTIONS = 0.03  # of them; more, since a contradiction only widens the range
MIN_UNKNOWN_SHARE, MAX_UNKNOWN_SHARE = 0.75, 0.95  # bounds of the threshold for unknown words


@dataclass(frozen=True)
class Thresholds:
    """Fitted on validation listings.

    photo, text: distances. words: share of unknown words. agreement: the probability that photo
    and text show one category, below which they contradict each other.
    """

    photo: float
    text: float
    words: float
    agreement: float

    @classmethod
    def fit(
        cls, photo: np.ndarray, text: list[np.ndarray], words: np.ndarray, agreement: np.ndarray
    ) -> "Thresholds":
        """Arrays of any lengths, of validation listings.

        text: an array per way to describe a product, from a full description to a short line; the
        widest counts, since the quantile of all together would be the descriptions'.
        """
        level = 1 - OUTLIERS
        return cls(
            photo=float(np.quantile(photo, level)),
            text=float(max(np.quantile(distances, level) for distances in text)),
            words=float(np.clip(np.quantile(words, level), MIN_UNKNOWN_SHARE, MAX_UNKNOWN_SHARE)),
            agreement=float(np.quantile(agreement, CONTRADICTIONS)),
        )

    def photo_scores(self, distance: np.ndarray) -> np.ndarray:
        """Scores of photos by their distance; NaN stays NaN."""
        return _score(distance / self.photo)

    def text_scores(self, distance: np.ndarray, words: np.ndarray) -> np.ndarray:
        """Scores of texts by their distance and their share of unknown words."""
        return _score(np.maximum(distance / self.text, words / self.words))


def distances(index: NeighbourIndex, image: np.ndarray, text: np.ndarray) -> list[np.ndarray]:
    """Distances of photos and of texts from the known products, (n,) each; NaN for NaN."""
    pair = []
    for queries, products in ((image, index.image), (text, index.text)):
        present = ~np.isnan(queries[:, 0])
        distance = np.full(len(queries), np.nan, np.float32)
        if present.any():
            distance[present] = 1 - mean_similarity(queries[present], products)
        pair.append(distance)
    return pair


def agreement(by_photo: np.ndarray, by_text: np.ndarray) -> np.ndarray:
    """The probability that both show one class: (n, n_classes) twice -> (n,)."""
    return (by_photo * by_text).sum(axis=1)


def _score(ratio: np.ndarray) -> np.ndarray:
    ratio = np.maximum(ratio, 0)
    return ratio / (1 + ratio)
