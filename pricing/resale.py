"""Predicts what to ask for a second-hand listing, and what such pieces sold for, in USD.

Needs only ``<data-dir>/models/resale/``: the text is then all that is looked at. Where the retail
models lie there too, they look at the photo: category, gender, and whether it shows a garment.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.special import ndtr

from common.artifacts import RunConfig, StageError
from common.merge.currency import RATES
from common.merge.taxonomy import CATEGORIES, GENDERS
from pricing import uploads
from pricing.models import CALIBRATION, FOLDER
from pricing.predictor import (
    MAX_ATTRIBUTIONS,
    MIN_ATTRIBUTION,
    NAMED,
    READ_CHARACTERS,
    Comparable,
    Label,
    ListingInput,
    PriceEstimate,
    PricePredictor,
    in_currency,
)
from pricing.reading import LUXURY, TextReader
from resale import money
from resale.brands import brand_key
from resale.comparables import Comparables
from resale.condition import CONDITIONS
from resale.labels import ListingLabels
from resale.model import NORMAL_TAIL, Prices, ResalePriceModel

MODEL, LABELS = "resale", "resale_labels"  # folders of the models
BATCH = 256  # listings
MIN_ROWS = 20  # of either kind of price, for a platform to tell asked from sold
MAX_TELLING = 3  # platforms that tell what share of the price asked a piece sells for
MAX_PLATFORMS = 5  # that a listing of no platform is priced on
RARE = 20  # listings of a house of luxury, below which its prices are hardly known
SURE = 0.9  # confidence of photo and of text from which another category contradicts them
# Columns that are left out in turn, and pieces as estimates name them.
PIECES = {
    "text": ("title", "description"),
    "brand": ("brand",),
    "condition": ("condition",),
    "category": ("normalized_category", "product_type"),
    "gender": ("normalized_gender", "section"),
    "size": ("size",),
    "platform": ("platform",),
    "new_price": ("new_price_usd",),
}
CANDIDATES = {"brand": 12, "size": 8}  # values tried of a missing field
NEW_PRICES = (1.3, 2, 3, 5)  # times the price to ask, tried for a missing new price
MIN_NARROWS = 0.02  # of log price


@dataclass
class _Listing:
    """A listing as it was read. columns: of the price model. labels: category and gender. named:
    those that the text names, "" where it does not."""

    columns: dict[str, object]
    named: dict[str, str]
    currency: str
    labels: dict[str, Label]
    attributes: dict[str, str]
    doubts: list[str]
    refusal: str | None
    ood_score: float


class ResalePredictor:
    """Prices second-hand listings with the models of a data folder.

    load_retail: returns the predictor that looks at photos, or None without retail models.
    training: what the model learned from. details: with attributions and what would narrow the
    range, which take most of the time.
    """

    market, batch = "resale", BATCH

    def __init__(
        self,
        model: ResalePriceModel,
        comparables: Comparables,
        labels: ListingLabels,
        training: Mapping[str, object],
        load_retail: Callable[[], PricePredictor | None] = lambda: None,
        details: bool = True,
    ):
        self.model, self.comparables, self.labels = model, comparables, labels
        self.training, self._load_retail = dict(training), load_retail
        self.details = details
        self._reader = TextReader(comparables.known, comparables.words)
        order = np.argsort([-rows for rows in model.platforms.rows], kind="stable")
        self.platforms = [model.platforms.names[place] for place in order]
        facts = list(
            zip(self.platforms, (model.platforms.kinds[place] for place in order), strict=True)
        )
        # Where both kinds of price are known, and where only those of sales are.
        self._tells = [
            name for name, n in facts if min(n.get("asked", 0), n.get("sold", 0)) >= MIN_ROWS
        ]
        self._only_sold = {
            name for name, n in facts if n.get("sold", 0) >= MIN_ROWS and not n.get("asked", 0)
        }
        self._general = {
            model.platforms.names[place] for place in order if model.platforms.general[place]
        }
        self.platforms += [name for name in model.adapted if name not in self.platforms]

    @classmethod
    def load(cls, run: RunConfig, details: bool = True) -> "ResalePredictor":
        """Loads the models of ``run.paths``. Raises StageError where one is missing."""
        folder = run.paths.model(MODEL)
        model, comparables = ResalePriceModel.load(folder), Comparables.load(folder)
        written = max(path.stat().st_mtime for path in folder.iterdir())
        training = {
            "data": run.paths.data.resolve().name,
            "created": time.strftime("%Y-%m-%d", time.gmtime(written)),
            "preset": run.preset,
            "products": len(comparables.titles),
            "sources": dict(Counter(comparables.facts["platform"]).most_common()),
        }

        def load_retail() -> PricePredictor | None:
            exists = run.paths.model(FOLDER, CALIBRATION).exists()
            return PricePredictor.load(run) if exists else None

        labels = run.paths.model(LABELS)
        labels = ListingLabels.load(labels) if labels.is_dir() else ListingLabels.empty()
        return cls(model, comparables, labels, training, load_retail, details)

    @cached_property
    def retail(self) -> PricePredictor | None:
        """What looks at photos; loaded when the first one comes."""
        return self._load_retail()

    def predict(self, listings: Sequence[ListingInput]) -> list[PriceEstimate]:
        """Prices listings in batches.

        Raises :class:`common.embed.images.BrokenImageError` for a picture that cannot be decoded.
        """
        estimates = []
        for start in range(0, len(listings), BATCH):
            estimates += self._predict(listings[start : start + BATCH])
        return estimates

    def _predict(self, listings: Sequence[ListingInput]) -> list[PriceEstimate]:
        read = self._read(listings)
        priced = [number for number, listing in enumerate(read) if not listing.refusal]
        answers = [
            PriceEstimate(
                refusal=listing.refusal,
                doubts=tuple(listing.doubts),
                ood_score=listing.ood_score,
                market=self.market,
                currency=listing.currency,
            )
            for listing in read
        ]
        if not priced:
            return answers
        table = pd.DataFrame([read[number].columns for number in priced])
        neighbours = self.comparables.look_up(
            table["title"].tolist(),
            [row | {"brand": brand_key(row["brand"])} for row in table.to_dict("records")],
        )
        places = [
            self._likely(name, listing.platforms)
            for name, listing in zip(table["platform"], neighbours, strict=True)
        ]
        prices = self._mean_prices(table, places)
        sold = self._sold(table, places, prices.log_usd)
        asked = np.maximum(prices.log_usd, np.nan_to_num(sold, nan=-np.inf))
        for place, number in enumerate(priced):
            listing = read[number]
            columns = table.iloc[place]
            adds, narrows = (), ()
            if self.details:
                adds, narrows = self._details(columns, places[place], asked[place])
            new, usd = columns["new_price_usd"], np.exp(asked[place])
            estimate = PriceEstimate(
                price_usd=float(usd),
                low_usd=float(min(np.exp(prices.low[place]), usd)),
                high_usd=float(max(np.exp(prices.high[place]), usd)),
                doubts=tuple(listing.doubts),
                ood_score=listing.ood_score,
                labels=listing.labels,
                attributes=listing.attributes,
                comparables=tuple(self._comparable(*pair) for pair in neighbours[place].nearest),
                attributions=adds,
                market=self.market,
                sold_usd=None if np.isnan(sold[place]) else float(np.exp(sold[place])),
                new_price_usd=None if np.isnan(new) else float(new),
                condition=columns["condition"],
                narrows=narrows,
            )
            answers[number] = in_currency(estimate, listing.currency)
        return answers

    # What the listing says

    def _read(self, listings: Sequence[ListingInput]) -> list[_Listing]:
        photos = self._photos(listings)
        read = [self._read_one(*pair) for pair in zip(listings, photos, strict=True)]
        by_text = self.labels.predict(pd.DataFrame([listing.columns for listing in read]))
        for listing, photo, row in zip(read, photos, by_text.to_dict("records"), strict=True):
            _label(listing, row, photo.labels if photo is not None else {})
        return read

    def _photos(self, listings: Sequence[ListingInput]) -> list[PriceEstimate | None]:
        """What the retail models see on each photo alone, None where nobody looked."""
        rows = [row for row, listing in enumerate(listings) if listing.image is not None]
        seen: list[PriceEstimate | None] = [None] * len(listings)
        if rows and self.retail:
            views = self.retail.predict([ListingInput("", listings[row].image) for row in rows])
            for row, view in zip(rows, views, strict=True):
                seen[row] = view
        else:
            for row in rows:
                uploads.picture(listings[row].image)
        return seen

    def _read_one(self, listing: ListingInput, photo: PriceEstimate | None) -> _Listing:
        """All that is stated or read of a listing; category and gender only if they are stated."""
        text, fields, doubts = uploads.text(listing.text), dict(listing.fields), []
        currency = fields.get("currency") or money.first_currency(text)
        reading = self._reader.read(text[:READ_CHARACTERS], currency)
        plain = "\n".join(filter(None, (reading.title, reading.description)))
        understood = self.comparables.understands(plain)
        if len(text) > READ_CHARACTERS:
            doubts.append("text_truncated")
        if text and not understood:
            doubts.append("unclear_text")
            reading = self._reader.read("", currency)
        shown = photo is not None and photo.refusal is None
        if photo is not None and not shown:
            doubts.append("no_garment")
        if listing.image is not None and photo is None:
            doubts.append("photo_unread")
        stated = bool(fields.get("normalized_category") or fields.get("product_type"))
        refusal = None
        if not shown and not understood and not (stated or fields.get("brand")):
            refusal = "no_garment" if photo is not None and not text else "no_input"
        read = {name: reading.values[name] for name in ("brand", "condition", "size")}
        brand = fields.get("brand") or read["brand"]
        if brand_key(brand) in LUXURY and self.comparables.count(brand) < RARE:
            doubts.append("luxury")
        elif brand and not self.comparables.knows(brand):
            doubts.append("unknown_brand")
        if fields.get("platform") and fields["platform"] not in self.platforms:
            doubts.append("unknown_platform")
        # The models know many languages; a name is none where the brand is stated.
        skipped = {"foreign_language", "unknown_brand" if brand else ""}
        doubts += [code for code in reading.doubts if code not in skipped]
        new_price = float(fields.get("new_price") or reading.new_price)
        columns = {
            "title": reading.title,
            "description": reading.description,
            **{name: fields.get(name) or value for name, value in read.items()},
            "normalized_category": fields.get("normalized_category", ""),
            "normalized_gender": fields.get("normalized_gender", ""),
            "new_price_usd": new_price * RATES[currency],
            "platform": fields.get("platform", ""),
        }
        columns |= {name: fields.get(name, "") for name in _RAW}
        scores = [photo.ood_score] if photo is not None else []
        share = self.comparables.unknown_words(plain or text)
        scores += [share / (1 + share)] if text else []
        return _Listing(
            columns,
            {"category": reading.category, "gender": reading.gender},
            currency,
            {},
            {name: value for name, value in reading.values.items() if value},
            doubts,
            refusal,
            float(min(scores, default=1.0)),
        )

    # What it costs

    def _likely(self, name: str, shares: Mapping[str, float]) -> dict[str, float]:
        """Platforms that tell the price of a listing -> weight: its own, or where its like are."""
        if name in self.platforms:
            return {name: 1.0}
        usual = self._general - self._only_sold
        likely = {n: share for n, share in shares.items() if n in usual and share > 0}
        likely = sorted((likely or shares).items(), key=lambda pair: -pair[1])[:MAX_PLATFORMS]
        total = sum(share for _, share in likely)
        return {name: share / total for name, share in likely}

    def _price(self, table: pd.DataFrame) -> Prices:
        """Log USD to ask, and ranges, of rows with a platform."""
        sold = table["platform"].isin(self._only_sold)
        return self.model.price(table.assign(price_kind=np.where(sold, "sold", "asked")))

    def _mean_prices(self, table: pd.DataFrame, places: Sequence[Mapping[str, float]]) -> Prices:
        """Prices to ask: means over platforms by their weights, and ranges of the mixture."""
        row = np.repeat(np.arange(len(table)), [len(weights) for weights in places])
        names = [name for weights in places for name in weights]
        weight = np.array([share for weights in places for share in weights.values()])
        prices = self._price(table.iloc[row].assign(platform=names))
        mean = np.bincount(row, weight * prices.log_usd)
        first = np.unique(row, return_index=True)[1]
        low, high = prices.low[first], prices.high[first]
        for number in np.flatnonzero(np.bincount(row) > 1):
            part = row == number
            low[number], high[number] = _mixture(
                prices.log_usd[part], prices.low[part], prices.high[part], weight[part]
            )
        return Prices(mean, low, high)

    def _sold(
        self, table: pd.DataFrame, places: Sequence[Mapping[str, float]], asked: np.ndarray
    ) -> np.ndarray:
        """Log USD that such pieces sold for, at most ``asked``; NaN where no data tell."""
        pairs = []  # row of the table, platform that tells
        for row, (name, weights) in enumerate(zip(table["platform"], places, strict=True)):
            telling = [other for other in weights if other in self._tells]
            if name not in self.platforms:
                telling += [other for other in self._tells if other not in weights]
            pairs += [(row, other) for other in telling[:MAX_TELLING]]
        sold = np.full(len(table), np.nan)
        if pairs:
            rows, names = np.array([row for row, _ in pairs]), [name for _, name in pairs]
            told = table.iloc[rows].assign(platform=names)
            both = pd.concat([told.assign(price_kind=kind) for kind in ("sold", "asked")])
            log_sold, log_asked = np.split(self.model.predict(both), 2)
            rows, place = np.unique(rows, return_inverse=True)
            difference = np.bincount(place, log_sold - log_asked) / np.bincount(place)
            sold[rows] = asked[rows] + np.minimum(difference, 0)
        alone = table["platform"].isin(self._only_sold).to_numpy()
        sold[alone] = asked[alone]
        return sold

    def _details(self, columns: pd.Series, places: Mapping[str, float], asked: float):
        """What each piece adds in USD, and what would narrow the range: pairs, largest first."""
        base = columns.copy()
        base["platform"] = max(places, key=places.get)
        variants, labels = [base], [("", "")]
        for piece, names in PIECES.items():
            if any(columns[name] == columns[name] and columns[name] != "" for name in names):
                blank = {name: np.nan if name == "new_price_usd" else "" for name in names}
                variants.append(pd.Series({**base, **blank}))
                labels.append(("without", piece))
        for piece, values in self._candidates(columns, places, float(np.exp(asked))).items():
            variants += [pd.Series({**base, PIECES[piece][0]: value}) for value in values]
            labels += [("with", piece)] * len(values)
        log_usd = self._price(pd.DataFrame(variants)).log_usd
        usd, adds, spread = np.exp(asked), [], {}
        for (kind, piece), value in zip(labels[1:], log_usd[1:], strict=True):
            if kind == "without":
                adds.append((piece, float(usd * (1 - np.exp(value - log_usd[0])))))
            else:
                spread.setdefault(piece, []).append(value)
        adds = [(piece, add) for piece, add in adds if abs(add) >= MIN_ATTRIBUTION * usd]
        narrows = [(piece, float(np.std(values))) for piece, values in spread.items()]
        narrows = [(piece, width) for piece, width in narrows if width >= MIN_NARROWS]
        return (
            tuple(sorted(adds, key=lambda pair: -abs(pair[1]))[:MAX_ATTRIBUTIONS]),
            tuple(sorted(narrows, key=lambda pair: -pair[1])),
        )

    def _candidates(self, columns: pd.Series, places, usd: float) -> dict[str, list]:
        """Plausible values of each missing field."""
        category = columns["normalized_category"]
        values = {
            "condition": list(CONDITIONS),
            "brand": self.comparables.common("brand", category, CANDIDATES["brand"]),
            "size": self.comparables.common("size", category, CANDIDATES["size"]),
            "platform": list(places),
            "category": list(CATEGORIES),
            "gender": list(GENDERS),
            "new_price": [usd * factor for factor in NEW_PRICES],
        }
        missing = {"new_price_usd"} if np.isnan(columns["new_price_usd"]) else set()
        missing |= {name for name in columns.index if columns[name] == ""}
        return {piece: options for piece, options in values.items() if PIECES[piece][0] in missing}

    def _comparable(self, row: int, similarity: float) -> Comparable:
        known, facts = self.comparables, self.comparables.facts
        return Comparable(
            f"resale:{row}",  # not the listing's own name, which leads to its seller
            known.titles[row],
            known.brands[row],
            float(known.price_usd[row]),
            similarity,
            None,
            CONDITIONS[known.grade[row]] if known.grade[row] >= 0 else "",
            facts["price_kind"][row] or "unknown",
            facts["platform"][row],
        )


_RAW = ("product_type", "section", "colour", "material", "date")


def _mixture(log_usd, low, high, weight) -> tuple[float, float]:
    """Ends of the 90 % range of a mixture of ranges: split normal distributions, (k,) each."""
    grid = np.linspace(low.min(), high.max(), 400)[:, None]
    side = np.where(grid < log_usd, log_usd - low, high - log_usd)
    share = ndtr((grid - log_usd) / np.maximum(side / NORMAL_TAIL, 1e-6)) @ weight
    ends = np.searchsorted(share, (0.05, 0.95)).clip(0, len(grid) - 1)
    return float(grid[ends[0], 0]), float(grid[ends[1], 0])


def _label(listing: _Listing, by_text: Mapping, by_photo: Mapping[str, Label]) -> None:
    """Adds category and gender: stated, named by the text, or the surer of text and photo; a doubt.

    by_text: a row of :meth:`resale.labels.ListingLabels.predict`.
    """
    for task in ("category", "gender"):
        stated, named = listing.columns[f"normalized_{task}"], listing.named[task]
        labels = [by_photo[task]] if task in by_photo else []
        if named:
            labels.append(Label(named, NAMED))
        elif by_text[task] and listing.columns["title"]:
            confidence = by_text["confidence"] if task == "category" else NAMED
            labels.append(Label(by_text[task], float(confidence)))
        if stated:
            listing.labels[task] = Label(stated, 1.0)
        elif labels:
            surest = max(labels, key=lambda label: label.confidence)
            listing.labels[task] = labels[-1] if named else surest
            listing.columns[f"normalized_{task}"] = listing.labels[task].value
        sure = {label.value for label in labels if label.confidence >= SURE}
        if task == "category" and len(sure | {stated} - {""}) > 1:
            listing.doubts.append("contradiction")


def load(
    run: RunConfig, market: str | None = None, llm: Callable | None = None, details: bool = True
) -> "PricePredictor | ResalePredictor":
    """The predictor of a market; by default of ``resale`` where its models exist, else ``retail``.

    Raises StageError, naming the command, where a model is missing.
    """
    if market is None:
        exists = run.paths.model(MODEL, "model.json").exists()
        market = "resale" if exists else "retail"
    if market == "retail":
        return PricePredictor.load(run, llm)
    if llm:
        raise StageError("--llm-read reads for new goods only: add --market retail")
    return ResalePredictor.load(run, details)
