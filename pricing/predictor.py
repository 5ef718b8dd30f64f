"""Predicts the price of a listing in USD from its photo, its text or both, with a 90 % interval.

Needs only ``<data-dir>/models/``. Says what it left out and why there is no price by the codes of
``REFUSALS`` and ``DOUBTS``; their sentences are in :mod:`pricing.strings`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL.Image import Image

from attributes import impute, prompts
from attributes.normalize import find_mentions
from attributes.reader import GAP_ATTRIBUTES, gaps, grounded_values
from common import runtime
from common.artifacts import Paths, RunConfig, StageError, require
from common.dataset import TASKS
from common.merge.currency import RATES
from common.prices.conformal import ConformalMargins
from pricing import ood, uploads
from pricing.listing import PIECES, by_modality
from pricing.models import Models, fingerprints
from pricing.neighbours import NeighbourIndex
from pricing.reading import LUXURY, Reading, TextReader, split_title
from resale.brands import brand_key

# Why there is no price: neither photo nor usable text; a photo of no garment, alone.
REFUSALS = ("no_input", "no_garment")
# What a price does not rest on, or why its interval is wide: the photo shows no garment and is
# ignored; the text is ignored; the text was read in part; the brand is not in the training data;
# photo, text and stated fields contradict each other; the brand is a house of luxury that is hardly
# in the training data; several pieces for one price; it is nothing to wear. Of new goods alone: the
# text is not English. Of second-hand listings alone: the photo was not looked at; the platform is
# not in the training data.
DOUBTS = (
    "no_garment",
    "unclear_text",
    "text_truncated",
    "unknown_brand",
    "contradiction",
    "photo_unread",
    "unknown_platform",
    "luxury",
    "foreign_language",
    "lot",
    "not_worn",
)
FOLDER, INDEX, CALIBRATION = "pricing", "index.safetensors", "calibration.json"
BATCH = 32  # listings
READ_CHARACTERS = 4_000  # of a text: bounds the time that reading takes
MIN_ATTRIBUTION = 0.005  # of the price, below which an attribution is left out
MAX_ATTRIBUTIONS = 6
NAMED = 0.95  # least confidence of a label that the text names
LUXURY_WIDENING = 50.0  # the top of the range of a house that the catalogues do not have


@dataclass(frozen=True)
class ListingInput:
    """What a seller gives; any part may be missing.

    fields: columns of the product table that the seller states, e.g. brand, normalized_gender,
    condition; and ``currency``, a code, with ``new_price`` in it.
    """

    text: str = ""
    image: Path | Image | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Label:
    """A class and its calibrated confidence, 0..1."""

    value: str
    confidence: float


@dataclass(frozen=True)
class Comparable:
    """A similar product or listing of the training data. image: its file, None without one.

    price_kind: retail, asked, sold or unknown. condition, platform: of a listing, "" if unknown.
    """

    product_key: str
    title: str
    brand: str
    price_usd: float
    similarity: float
    image: Path | None
    condition: str = ""
    price_kind: str = "retail"
    platform: str = ""


@dataclass(frozen=True)
class PriceEstimate:
    """The price of a listing in USD and the ends of its 90 % interval, None where ``refusal``.

    ood_score: 0..1, see :mod:`pricing.ood`. labels: category, gender, usage. attributes: what the
    text states. inferred: attributes predicted from the embeddings. attributions: USD that the
    price loses without a piece of the listing (leave-one-out), the largest first.

    price, low, high: the same in ``currency``. market: ``retail`` prices new goods; ``resale``
    second-hand ones, and ``price_usd`` is then a price to ask. sold_usd: what such pieces sold
    for, at most ``price_usd``, None where the data do not know. new_price_usd: what it cost new,
    if known. condition: stated or read, "" if unknown. narrows: fields that are missing with the
    deviation of the log price over their plausible values, the largest first.
    """

    price_usd: float | None = None
    low_usd: float | None = None
    high_usd: float | None = None
    refusal: str | None = None
    doubts: tuple[str, ...] = ()
    ood_score: float = 1.0
    labels: dict[str, Label] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    inferred: dict[str, Label] = field(default_factory=dict)
    comparables: tuple[Comparable, ...] = ()
    attributions: tuple[tuple[str, float], ...] = ()
    market: str = "retail"
    sold_usd: float | None = None
    new_price_usd: float | None = None
    currency: str = "USD"
    price: float | None = None
    low: float | None = None
    high: float | None = None
    condition: str = ""
    narrows: tuple[tuple[str, float], ...] = ()


def in_currency(estimate: PriceEstimate, code: str) -> PriceEstimate:
    """The estimate with ``price``, ``low`` and ``high`` in that currency."""
    usd = estimate.price_usd, estimate.low_usd, estimate.high_usd
    rate = RATES[code]
    names = zip(("price", "low", "high"), usd, strict=True)
    converted = {name: None if value is None else value / rate for name, value in names}
    return replace(estimate, currency=code, **converted)


@dataclass(frozen=True)
class _Predictions:
    """What the models say of n listings.

    present: photo and text in use, bool (n, 2). labels: probabilities (n, n_classes) by task.
    category: by the photo alone and by the text alone. intervals: USD, low, high (3, n): of the
    listing, of its photo alone, of its text alone. inferred: (values, confidences) by attribute.
    similarity: to the products of the index, (n, n_products).
    """

    present: np.ndarray
    labels: dict[str, np.ndarray]
    category: list[np.ndarray]
    intervals: list[np.ndarray]
    attributions: list[tuple[tuple[str, float], ...]]
    inferred: dict[str, tuple[np.ndarray, np.ndarray]]
    similarity: np.ndarray


class PricePredictor:
    """Prices listings with the models of a data folder.

    calibration: content of calibration.json. llm: engine of :mod:`attributes.llm` that reads the
    brand or item where the rules find none. training: data, date and preset of the price model.
    """

    market, platforms = "retail", ()

    def __init__(
        self,
        models: Models,
        index: NeighbourIndex,
        calibration: Mapping,
        paths: Paths,
        imputer: impute.AttributeImputer | None = None,
        llm: Callable | None = None,
    ):
        self.models, self.index, self.imputer, self.llm = models, index, imputer, llm
        self.reader = TextReader(calibration["spelling"], calibration["words"])
        self._nothing = self.reader.read("")
        self.thresholds = ood.Thresholds(**calibration["thresholds"])
        margins = calibration["margins"].items()
        self.margins = {modality: ConformalMargins(**values) for modality, values in margins}
        self.unknown_brand_margin = calibration["unknown_brand_margin"]
        self.training = calibration["training"]
        self._raw = paths.raw

    @classmethod
    def load(cls, run: RunConfig, llm: Callable | None = None) -> "PricePredictor":
        """Loads the models of ``run.paths``.

        Raises StageError, naming the command, when one is missing or newer than the calibration.
        """
        runtime.rest_while_waiting()  # an answer would take half as long again
        paths, maker = run.paths, f"python -m pricing.calibrate --data-dir {run.paths.data}"
        models = Models(run)
        path = require(paths.model(FOLDER, CALIBRATION), maker)
        calibration = json.loads(path.read_text("utf-8"))
        if calibration["models"] != fingerprints(run):
            raise StageError(
                f"{path} belongs to other models than those that lie there; "
                f"make it anew with: {maker}"
            )
        index = NeighbourIndex.load(paths.model(FOLDER, INDEX))
        imputer = paths.model(*impute.MODEL)
        imputer = impute.AttributeImputer.load(imputer) if imputer.exists() else None
        return cls(models, index, calibration, paths, imputer, llm)

    def predict(self, listings: Sequence[ListingInput]) -> list[PriceEstimate]:
        """Prices listings in batches.

        Raises :class:`common.embed.images.BrokenImageError` for a picture that cannot be decoded;
        check many listings first (:func:`pricing.uploads.picture`).
        """
        estimates = []
        for start in range(0, len(listings), BATCH):
            batch = listings[start : start + BATCH]
            texts = [uploads.text(listing.text) for listing in batch]
            fields = [dict(listing.fields) for listing in batch]
            currencies = [stated.pop("currency", "USD") for stated in fields]
            readings = self.read(texts)
            embeddings = self._embed(batch, [reading.text for reading in readings])
            answers = self.estimate(*embeddings, readings, fields)
            estimates += map(in_currency, answers, currencies)
        return estimates

    def estimate(
        self,
        image: np.ndarray,
        text: np.ndarray,
        readings: Sequence[Reading],
        fields: Sequence[Mapping[str, str]],
    ) -> list[PriceEstimate]:
        """Prices listings by embeddings (n, d), NaN where there is none, of :meth:`read`, stated
        fields."""
        image, text = image.copy(), text.copy()
        scores = self._ood_scores(image, text, readings)
        usable = scores < ood.CUTOFF  # False where there is none
        image[~usable[:, 0]], text[~usable[:, 1]] = np.nan, np.nan
        readings = [
            reading if readable else self._nothing
            for reading, readable in zip(readings, usable[:, 1], strict=True)
        ]
        predictions = self._predict(image, text, readings, fields)
        estimates = []
        for row, (photo, words) in enumerate(~np.isnan(scores)):
            score = float(np.nanmin(scores[row])) if photo or words else 1.0
            if not usable[row].any():
                refusal = "no_garment" if photo else "no_input"
                estimates.append(PriceEstimate(refusal=refusal, ood_score=score))
                continue
            doubts = {
                "no_garment": photo and not usable[row, 0],
                "unclear_text": words and not usable[row, 1],
            }
            doubts = [code for code, applies in doubts.items() if applies]
            estimates.append(
                self._estimate(predictions, row, score, doubts, readings[row], fields[row])
            )
        return estimates

    def _embed(self, listings, texts) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings (n, d) of photos and of texts, NaN where there is none."""
        image, text = (
            np.full((len(listings), products.shape[1]), np.nan, np.float32)
            for products in (self.index.image, self.index.text)
        )
        rows = [row for row, listing in enumerate(listings) if listing.image is not None]
        if rows:
            with ThreadPoolExecutor(2) as pool:  # Pillow decodes without the interpreter's lock
                photos = list(pool.map(uploads.picture, (listings[row].image for row in rows)))
            image[rows] = self.models.encoder.images(photos)
        rows = [row for row, words in enumerate(texts) if words]
        if rows:
            text[rows] = self.models.encoder.texts([texts[row] for row in rows])
        return image, text

    def _ood_scores(self, image, text, readings) -> np.ndarray:
        """Scores of photos and texts, (n, 2), NaN where there is none."""
        photo_distance, text_distance = ood.distances(self.index, image, text)
        unknown = np.array([self.reader.unknown_words(reading.text) for reading in readings])
        by_text = self.thresholds.text_scores(text_distance, unknown)
        unread = [bool(reading.title) and not reading.text for reading in readings]
        by_text[unread] = 1.0  # has words, but none of the goods
        named = [bool(reading.category) for reading in readings]  # however rare its words are
        by_text[named] = np.minimum(by_text[named], ood.CUTOFF - 0.01)
        return np.stack([self.thresholds.photo_scores(photo_distance), by_text], axis=1)

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """What is read of the texts, by the LLM too, if there is one, where words are missing."""
        return [self._read(text) for text in texts]

    def _read(self, text: str) -> Reading:
        truncated, text = len(text) > READ_CHARACTERS, text[:READ_CHARACTERS]
        reading = self.reader.read(text)
        doubts = reading.doubts + ("text_truncated",) * truncated
        attributes = dict(reading.values)
        missing = gaps(attributes, house_brand=False) if self.llm else ()
        if missing:
            # Always the same question: its beginning is then in the model's cache.
            request = prompts.request(*split_title(text), GAP_ATTRIBUTES)
            for _, reply in self.llm([request]):
                values, _ = grounded_values(request, reply, text)
                attributes |= {name: values[name] for name in missing if values.get(name)}
        return replace(reading, values=attributes, doubts=doubts)

    def _predict(self, image, text, readings, fields) -> _Predictions:
        """All that is computed for several listings at once."""
        # The listings as they are, their photos alone, their texts alone: one pass of each model.
        nothing = np.full_like(image, np.nan), np.full_like(text, np.nan)
        texts = [reading.text for reading in readings]
        features = self.models.features(
            self.reader,
            np.concatenate([image, image, nothing[0]]),
            np.concatenate([text, nothing[1], text]),
            list(texts) * 3,
            list(readings) * 3,
            list(fields) * 3,
        )
        labels = {task: np.split(odds, 3) for task, odds in features.labels.items()}
        pieces, reduced = self._leave_one_out(features.matrix[: len(texts)])
        usd, quantiles = self.models.outputs(np.concatenate([features.matrix, *reduced]))
        usd, quantiles = usd.mean(axis=1), quantiles.mean(axis=1)
        parts = (np.split(values[: len(features.matrix)], 3) for values in (usd, quantiles))
        return _Predictions(
            present=~np.isnan(np.stack([image[:, 0], text[:, 0]], axis=1)),
            labels={task: odds for task, (odds, _, _) in labels.items()},
            category=labels["category"][1:],
            intervals=[self._interval(*pair, image, text) for pair in zip(*parts, strict=True)],
            attributions=_attributions(usd[: len(texts)], pieces, usd[len(features.matrix) :]),
            inferred=self.imputer.infer(image, text) if self.imputer else {},
            similarity=self.index.similarity(image, text),
        )

    def _interval(self, usd, quantiles, image, text) -> np.ndarray:
        """USD, low and high (3, n), by the margins for what each listing brings."""
        interval = np.stack([usd, usd, usd])
        for modality, rows in by_modality(image, text).items():
            if len(rows):
                low, high = quantiles[rows, 0], quantiles[rows, -1]
                interval[1:, rows] = self.margins[modality].interval(usd[rows], low, high)
        return interval

    def _leave_one_out(self, matrix) -> tuple[list[tuple[int, str]], list[np.ndarray]]:
        """Each listing without each of its pieces in turn: (row, piece), and features (1, d)."""
        pieces, reduced = [], []
        for piece, columns in {"photo": ("photo",), "text": ("text",), **PIECES}.items():
            places = self.models.block(columns)
            if not len(places):
                continue
            for row in np.flatnonzero(~np.isnan(matrix[:, places]).all(axis=1)):
                pieces.append((int(row), piece))
                reduced.append(matrix[[row]])
                reduced[-1][0, places] = np.nan
        return pieces, reduced

    def _estimate(
        self, predictions, row: int, score: float, doubts: list[str], reading: Reading, fields
    ) -> PriceEstimate:
        usd, low, high = (float(value) for value in predictions.intervals[0][:, row])
        brand = fields.get("brand") or reading.values["brand"]
        known, doubts = self.reader.knows(brand), [*doubts, *reading.doubts]
        if brand and not known:
            luxury = brand_key(brand) in LUXURY
            doubts.append("luxury" if luxury else "unknown_brand")
            high *= LUXURY_WIDENING if luxury else 1.0
        if not known and {"unknown_brand", "luxury"} & set(doubts):
            widening = np.exp(self.unknown_brand_margin)
            low, high = low / widening, high * widening
        stated = {task: fields.get(column) for task, (column, _) in TASKS.items()}
        read = {"category": reading.category, "gender": reading.gender}
        if self._contradicts(predictions, row, stated["category"], reading.category):
            doubts.append("contradiction")
            if predictions.present[row].all():
                alone = [interval[1:, row] for interval in predictions.intervals[1:]]
                low = min(low, *(ends[0] for ends in alone))
                high = max(high, *(ends[1] for ends in alone))
        labels = {}
        for task, odds in predictions.labels.items():
            best = odds[row].argmax()
            label = Label(self.models.labeller.classes[task][best], float(odds[row, best]))
            if named := read.get(task):
                sure = label.confidence if named == label.value else 0.0
                label = Label(named, max(NAMED, sure))
            labels[task] = Label(stated[task], 1.0) if stated[task] else label
        category = labels["category"].value
        return PriceEstimate(
            price_usd=usd,
            low_usd=float(low),
            high_usd=float(high),
            doubts=tuple(dict.fromkeys(doubts)),
            ood_score=score,
            labels=labels,
            attributes={name: value for name, value in reading.values.items() if value},
            inferred=self._inferred(predictions, row, category, reading),
            comparables=self._comparables(
                predictions.similarity[row], category, self.reader.spell(brand)
            ),
            attributions=predictions.attributions[row],
            condition=fields.get("condition") or reading.values["condition"],
        )

    def _inferred(self, predictions, row: int, category: str, reading: Reading) -> dict[str, Label]:
        """Inferred attributes that the category has and of which the text says nothing."""
        mentions = find_mentions(reading.text, reading.text, reading.values["brand"])
        named = {name for name, mention in mentions.items() if mention.value}
        if reading.values["material"]:
            named |= {"material", "fabric"}
        return {
            name: Label(str(values[row]), float(confidences[row]))
            for name, (values, confidences) in predictions.inferred.items()
            if impute.applies(name, category) and name not in named
        }

    def _contradicts(self, predictions, row: int, stated: str | None, read: str) -> bool:
        """Whether photo and text show two categories, or neither shows the stated one."""
        classes = self.models.labeller.classes["category"]
        by_photo, by_text = (odds[[row]] for odds in predictions.category)
        if predictions.present[row].all():
            if read in classes:  # what the text names is surer than what it sounds like
                by_text = np.eye(len(classes))[[classes.index(read)]]
            if ood.agreement(by_photo, by_text)[0] < self.thresholds.agreement:
                return True
        if stated not in classes:
            return False
        odds = predictions.labels["category"][row, classes.index(stated)]
        return stated != read and bool(odds < self.thresholds.agreement)

    def _comparables(self, similarity: np.ndarray, category: str, brand: str) -> tuple:
        rows, columns = self.index.nearest(similarity, category, brand), self.index.columns
        files = [self._raw / columns["image_path"][row] for row in rows]
        return tuple(
            Comparable(
                *(columns[name][row] for name in ("product_key", "title", "brand", "price_usd")),
                similarity=float(similarity[row]),
                image=file if file.is_file() else None,
            )
            for row, file in zip(rows, files, strict=True)
        )


def _attributions(usd, pieces, reduced_usd) -> list[tuple[tuple[str, float], ...]]:
    """Per listing (piece, USD that the price loses without it), the largest first."""
    attributions = [[] for _ in usd]
    for (row, piece), without in zip(pieces, reduced_usd, strict=True):
        difference = float(usd[row] - without)
        if abs(difference) >= MIN_ATTRIBUTION * usd[row]:
            attributions[row].append((piece, difference))
    return [
        tuple(sorted(pairs, key=lambda pair: -abs(pair[1]))[:MAX_ATTRIBUTIONS])
        for pairs in attributions
    ]
