"""Out-of-distribution score of a listing: how far its photo and text are from the training data.

The distance of a photo or a text is one minus its mean cosine similarity to the nearest training
products (Sun et al., "Out-of-distribution detection with deep nearest neighbors", ICML 2022); a
text is also judged by its share of words that no training text has. Either is divided by the
threshold that all but ``OUTLIERS`` of the validation listings keep, and the ratio x becomes the
score x / (1 + x), 0..1, so that ``CUTOFF`` is the threshold. A photo is judged, too, by a
classifier of photos that show nothing to wear, such as perfume or a page of text. A part at or
above the cutoff is ignored; a listing scores as its better part, and without any part below the
cutoff it is not priced.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from pricing.neighbours import NeighbourIndex, mean_similarity

CUTOFF = 0.5
OUTLIERS = 0.01  # of the validation listings, by each measure
CONTRADICTIONS = 0.03  # of them; more, since a contradiction only widens the range
MIN_UNKNOWN_SHARE, MAX_UNKNOWN_SHARE = 0.75, 0.95  # bounds of the threshold for unknown words


@dataclass(frozen=True)
class NoGarment:
    """Logistic regression on the embedding of a photo: whether it shows nothing to wear.

    coef: (d,). limit: the log-odds that all but OUTLIERS of the garments stay below.
    """

    coef: list[float]
    intercept: float
    limit: float

    @classmethod
    def fit(cls, garments: np.ndarray, others: np.ndarray) -> "NoGarment":
        """garments, others: embeddings (n, d) of photos."""
        photos = np.concatenate([garments, others])
        labels = np.repeat([0, 1], [len(garments), len(others)])
        model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=500)
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        odds = cross_val_predict(model, photos, labels, cv=folds, method="decision_function")
        limit = float(np.quantile(odds[labels == 0], 1 - OUTLIERS))
        model.fit(photos, labels)
        return cls(model.coef_[0].tolist(), float(model.intercept_[0]), limit)

    def scores(self, image: np.ndarray) -> np.ndarray:
        """(n,), CUTOFF at the limit; NaN stays NaN. image: (n, d)."""
        return expit(image @ np.array(self.coef) + self.intercept - self.limit)


def drawings(count: int = 8, seed: int = 0) -> dict[str, list[Image.Image]]:
    """``count`` pictures of each kind that show no garment; always the same for a seed."""
    rng, (width, height) = np.random.default_rng(seed), (240, 320)
    kinds = ("blank", "noise", "gradient", "scribble", "page of text")
    blank = Image.new("RGB", (width, height), "white")
    pictures = {kind: [blank.copy() for _ in range(count)] for kind in kinds}
    for picture in pictures["blank"]:
        picture.paste(tuple(map(int, rng.integers(0, 256, 3))), (0, 0, width, height))
    for picture in pictures["noise"]:
        picture.paste(Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)))
    for picture in pictures["gradient"]:
        rows = np.linspace(*rng.integers(0, 256, (2, 3)), height)[:, None].repeat(width, axis=1)
        picture.paste(Image.fromarray(rows.astype(np.uint8)))
    for picture in pictures["scribble"]:
        points = [tuple(map(int, point)) for point in rng.integers(0, 240, (40, 2))]
        ImageDraw.Draw(picture).line(points, tuple(map(int, rng.integers(0, 200, 3))), 3)
    for picture in pictures["page of text"]:
        for y in range(10, height - 12, 14):
            line = "".join(rng.choice(list("abcdefgh ijklmn "), 34))
            ImageDraw.Draw(picture).text((12, y), line, "black")
    return {f"{kind}, drawn": images for kind, images in pictures.items()}


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
