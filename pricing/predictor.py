"""Predicts the price of a listing in USD from its photo, its text or both, with a 90 % interval.

Needs only ``<data-dir>/models/``. Says what it left out and why there is no price by the codes of
``REFUSALS`` and ``DOUBTS``; their sentences are in :mod:`pricing.strings`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL.Image import Image

from attributes import impute, prompts
from attributes.normalize import find_mentions
from attributes.reader import GAP_ATTRIBUTES, gaps, grounded_values
from common import runtime
from common.artifacts import Paths, RunConfig, StageError, require
from common.dataset import TASKS
from common.embed.encoders import ClipEncoder
from common.embed.models import load_clip
from common.merge.currency import RATES
from common.prices.conformal import ConformalMargins
from common.training import torch_device
from pricing import ood, uploads
from pricing.listing_model import LINE_COLUMNS, ListingModel, kinds
from pricing.models import CALIBRATION, FOLDER, INDEX, command, identity
from pricing.neighbours import NeighbourIndex
from pricing.reading import LUXURY, Reading, TextReader, split_title
from resale.brands import brand_key
from resale.phrases import plain_words

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
BATCH = 32  # listings
# Pieces of a text that are left out in turn, and the columns that state them.
PIECES = {"brand": "brand", "item": "product_type", "colour": "colour", "material": "llm_material"}
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

    encoder: loads the CLIP. calibration: content of calibration.json. llm: engine of
    :mod:`attributes.llm` that reads the brand or item where the rules find none. training: data,
    date and preset of the price model.
    """

    market, platforms = "retail", ()

    def __init__(
        self,
        encoder: Callable[[], ClipEncoder],
        model: ListingModel,
        index: NeighbourIndex,
        calibration: Mapping,
        paths: Paths,
        imputer: impute.AttributeImputer | None = None,
        llm: Callable | None = None,
    ):
        self.model, self.index, self.imputer, self.llm = model, index, imputer, llm
        self._load_encoder = encoder
        self.reader = TextReader(calibration["spelling"], calibration["words"])
        self._nothing = self.reader.read("")
        self.thresholds = ood.Thresholds(**calibration["thresholds"])
        self.no_garment = ood.NoGarment(**calibration["no_garment"])
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
        paths = run.paths
        stale = f"is of other models, preset or seed; make it anew with: {command(run)}"
        now, path = identity(run), require(paths.model(FOLDER, CALIBRATION), command(run))
        calibration = json.loads(path.read_text("utf-8"))
        if calibration.get("models") != now:
            raise StageError(f"{path} {stale}")
        index = NeighbourIndex.load(paths.model(FOLDER, INDEX))
        imputer = paths.model(*impute.MODEL)
        imputer = impute.AttributeImputer.load(imputer) if imputer.exists() else None

        def encoder() -> ClipEncoder:
            return ClipEncoder(load_clip(run, torch_device(run.device)))

        model = ListingModel.load(path.parent)
        return cls(encoder, model, index, calibration, paths, imputer, llm)

    @cached_property
    def encoder(self) -> ClipEncoder:
        """Embeds pictures and texts; the CLIP is loaded when it is first asked for."""
        return self._load_encoder()

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
            image[rows] = self.encoder.images(photos)
        rows = [row for row, words in enumerate(texts) if words]
        if rows:
            text[rows] = self.encoder.texts([texts[row] for row in rows])
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
        by_photo = np.maximum(
            self.thresholds.photo_scores(photo_distance), self.no_garment.scores(image)
        )
        return np.stack([by_photo, by_text], axis=1)

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

    def price(
        self, titles: Sequence[str], descriptions: Sequence[str], image: np.ndarray
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """USD, low and high (3, n), and probabilities of labels, NaN for a listing of nothing.

        titles, descriptions: of :meth:`words`; image: embeddings (n, d), NaN for none.
        """
        log_usd, labels = self.model.predict(titles, descriptions, image)
        interval = np.tile(np.exp(log_usd), (3, 1))
        kind = kinds(titles, descriptions, image)
        for name in set(kind) - {""}:
            rows = kind == name
            ends = self.margins[name].interval(interval[0, rows], log_usd[rows], log_usd[rows])
            interval[1:, rows] = ends
        return interval, labels

    def words(self, reading: Reading, stated: Mapping[str, str]) -> tuple[str, str]:
        """Title and description as the price model reads them; what is stated comes first."""
        title, description = reading.parts
        known = plain_words(reading.text)
        brand = self.reader.spell(stated.get("brand", ""))
        fields = {**stated, "brand": brand if self.reader.knows(brand) else ""}
        values = (fields.get(name, "") for name in LINE_COLUMNS)
        added = [value for value in values if value and plain_words(value) not in known]
        return " ".join([*added, title]).strip(), description

    def _predict(self, image, text, readings, fields) -> _Predictions:
        """All that is computed for several listings at once."""
        words = [self.words(*pair) for pair in zip(readings, fields, strict=True)]
        none, nothing = np.full_like(image, np.nan), [("", "")] * len(words)
        # The listings as they are, their photos alone, their texts alone, and without each piece.
        pieces, reduced = _leave_one_out(words, image, readings, fields)
        texts = words + nothing + words + [pair for pair, _ in reduced]
        photos = [image, image, none, *(photo[None] for _, photo in reduced)]
        interval, labels = self.price(*zip(*texts, strict=True), np.concatenate(photos))
        ends = len(words) * np.arange(1, 4)
        whole, by_photo, by_text, without = np.split(interval, ends, axis=1)
        return _Predictions(
            present=~np.isnan(np.stack([image[:, 0], text[:, 0]], axis=1)),
            labels={task: odds[: len(words)] for task, odds in labels.items()},
            category=np.split(labels["category"], ends)[1:3],
            intervals=[whole, by_photo, by_text],
            attributions=_attributions(whole[0], pieces, without[0]),
            inferred=self.imputer.infer(image, text) if self.imputer else {},
            similarity=self.index.similarity(image, text),
        )

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
            label = Label(self.model.classes[task][best], float(odds[row, best]))
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
        classes = self.model.classes["category"]
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


def _leave_one_out(words, image, readings, fields):
    """Each listing without each of its pieces in turn: (row, piece), and ((title, description),
    photo)."""
    pieces, reduced = [], []
    nothing = np.full_like(image[:1], np.nan)[0]
    for row, (pair, reading, stated) in enumerate(zip(words, readings, fields, strict=True)):
        found = {"photo": (pair, nothing)} if not np.isnan(image[row, 0]) else {}
        if pair != ("", ""):
            found["text"] = ("", ""), image[row]
        for piece, column in PIECES.items():
            value = plain_words(stated.get(column) or reading.values.get(piece, "")).strip()
            rest = tuple(f" {plain_words(part)} ".replace(f" {value} ", " ") for part in pair)
            if value and rest != tuple(f" {plain_words(part)} " for part in pair):
                found[piece] = rest, image[row]
        pieces += [(row, piece) for piece in found]
        reduced += found.values()
    return pieces, reduced


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
