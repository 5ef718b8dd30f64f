"""A fair price for one listing: what a photo, a text or both are worth in USD, and how sure it is.

Works on a machine that has only ``<data-dir>/models/``. The sentences that people are shown stand
elsewhere; here are codes, of the closed lists ``REFUSALS`` and ``DOUBTS``. Which part of a listing
is trusted, and the threshold, see :mod:`pricing.ood`; how the ranges are calibrated for what a
listing brings, see :mod:`pricing.calibrate`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from common import runtime
from common.artifacts import StageError, require

if TYPE_CHECKING:
    from PIL.Image import Image

# Why there is no price: neither photo nor text that can be used; a photo of no garment, alone.
REFUSALS = ("nothing_to_go_by", "no_garment")
# Why the range is wide: the photo shows no garment and the text alone counts; the text cannot be
# read and the photo alone counts; the brand was never seen; the parts contradict each other.
DOUBTS = ("no_garment", "unclear_text", "unknown_brand", "contradiction")
DOUBTFUL = 0.5  # from here on a part of a listing is set aside
FOLDER = "appraisal"
AT_ONCE = 32  # listings
LEAST_MOVE = 0.005  # of the price, below which a piece is not said to have moved it
PIECES = 6  # named at most


@dataclass(frozen=True)
class Listing:
    """What a seller gives; any part may be missing.

    known: columns of the product table that the seller states, such as brand or normalized_gender.
    """

    text: str = ""
    image: Path | Image | None = None
    known: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Label:
    """A class and its calibrated confidence, 0..1."""

    value: str
    confidence: float


@dataclass(frozen=True)
class Comparable:
    """A product that the models know. image: its file, None where the raw data is not there."""

    product_key: str
    title: str
    price_usd: float
    similarity: float
    image: Path | None


@dataclass(frozen=True)
class Answer:
    """What a listing is worth. The three prices are None where it is not priced (``refusal``).

    doubt: 0..1, see :mod:`pricing.ood`. labels: category, gender, usage. read: attributes that
    the text states. inferred: those that it does not. moved: pieces of the listing and the USD
    that each adds to the price, the strongest first.
    """

    price_usd: float | None
    low_usd: float | None
    high_usd: float | None
    refusal: str | None
    doubts: tuple[str, ...]
    doubt: float
    labels: dict[str, Label]
    read: dict[str, str]
    inferred: dict[str, Label]
    comparables: tuple[Comparable, ...]
    moved: tuple[tuple[str, float], ...]


class Appraiser:
    """Prices listings with the models of a data folder.

    trained: which data the models learned from, when, and with which preset.
    """

    def __init__(self, models, index, kept: dict, paths, completion=None, llm=None):
        from common.prices.conformal import ConformalMargins
        from pricing.listing import Reader
        from pricing.ood import Thresholds

        self.models, self.index, self.completion, self.llm = models, index, completion, llm
        self.reader = Reader(kept["spelling"], kept["words"])
        self.thresholds = Thresholds(**kept["thresholds"])
        self.margins = {kind: ConformalMargins(**one) for kind, one in kept["margins"].items()}
        self.unknown_brand = kept["unknown_brand"]
        self.trained = kept["trained"]
        self._raw = paths.raw

    @classmethod
    def load(cls, args: argparse.Namespace) -> Appraiser:
        """Loads what ``args`` (of :func:`common.cli.parse`) name.

        Raises StageError, naming the command, when a model is missing or was made anew since.
        """
        paths, maker = args.paths, f"python -m pricing.calibrate --data-dir {args.data_dir}"
        runtime.rest_while_waiting()  # or an answer takes half as long again
        from pricing import models as valuing

        models = valuing.Models(args)
        kept = json.loads(require(paths.model(FOLDER, "door.json"), maker).read_text("utf-8"))
        if kept["models"] != valuing.prints(args):
            raise StageError(
                f"{paths.model(FOLDER)} was made for other models than those that lie there; "
                f"make it anew with: {maker}"
            )
        from attributes.impute import MODEL, AttributeImputer
        from pricing.neighbours import Index

        index = Index.load(paths.model(FOLDER, "index.safetensors"))
        completion = paths.model(*MODEL)
        completion = AttributeImputer.load(completion) if completion.exists() else None
        llm = None
        if getattr(args, "llm_read", False):
            from attributes.llm import load_engine

            # One listing is read at a time: a second slot would have to read the question again.
            llm = load_engine(args, args.engine, args.base_url, parallel=1)
        return cls(models, index, kept, paths, completion, llm)

    def appraise(self, listings: Sequence[Listing]) -> list[Answer]:
        """Prices listings, some at once.

        Raises :class:`common.embed.images.BrokenImageError` for a picture that cannot be decoded
        and :class:`pricing.uploads.TextTooLongError`; whoever has many listings checks them first.
        """
        answers = []
        for start in range(0, len(listings), AT_ONCE):
            answers += self._some(listings[start : start + AT_ONCE])
        return answers

    # --- what is trusted -----------------------------------------------------------------------

    def _some(self, listings: Sequence[Listing]) -> list[Answer]:
        from pricing import uploads

        texts = [uploads.text(one.text) for one in listings]
        known = [dict(one.known) for one in listings]
        return self.judge(*self._embedded(listings, texts), texts, known)

    def judge(self, image, text, texts, known) -> list[Answer]:
        """Answers by embeddings (n, d), NaN where there is none, texts and stated fields."""
        import numpy as np

        from pricing import ood as doubt

        image, text = image.copy(), text.copy()
        far = doubt.distances(self.index, image, text)
        words = np.array([self.reader.unknown_words(one) for one in texts])
        doubts = np.stack(
            [self.thresholds.of_photo(far[0]), self.thresholds.of_text(far[1], words)], axis=1
        )
        seen = doubts < DOUBTFUL  # False where there is none
        read = [
            self._read(one) if trusted else dict.fromkeys(("brand", *_READ), "")
            for one, trusted in zip(texts, seen[:, 1], strict=True)
        ]
        given = ~np.isnan(doubts)
        image[~seen[:, 0]], text[~seen[:, 1]] = np.nan, np.nan
        priced = self._priced(known, read, image, text, texts)
        answers = []
        for row in range(len(texts)):
            least = float(np.nanmin(doubts[row])) if given[row].any() else 1.0
            if not seen[row].any():
                refusal = "no_garment" if given[row, 0] else "nothing_to_go_by"
                answers.append(_refused(refusal, least))
                continue
            aside = [
                code
                for code, part in (("no_garment", 0), ("unclear_text", 1))
                if given[row, part] and not seen[row, part]
            ]
            answers.append(self._answer(priced, row, least, aside))
        return answers

    def _embedded(self, listings, texts):
        """Embeddings of photos and texts, NaN where there is none: two arrays (n, d)."""
        import numpy as np

        width = self.index.image.shape[1], self.index.text.shape[1]
        image, text = (np.full((len(listings), one), np.nan, np.float32) for one in width)
        rows = [row for row, one in enumerate(listings) if one.image is not None]
        if rows:
            with ThreadPoolExecutor(2) as pool:  # Pillow decodes without the interpreter's lock
                photos = list(pool.map(_photo, (listings[row].image for row in rows)))
            image[rows] = self.models.encoder.images(photos)
        rows = [row for row, one in enumerate(texts) if one]
        if rows:
            told = [texts[row].replace("\n", ". ") for row in rows]
            text[rows] = self.models.encoder.texts(told)
        return image, text

    def _read(self, text: str) -> dict[str, str]:
        """What the rules read, and the language model, if there is one, where they find nothing."""
        found = self.reader.read(text)
        if self.llm is None:
            return found
        from attributes import prompts
        from attributes.reader import GAP_ATTRIBUTES, gaps, grounded_values

        title, _, description = text.partition("\n" if "\n" in text else ". ")
        wanted = gaps(found, house_brand=False)
        if wanted:
            # Always the same question: its beginning is then in the model's cache.
            request = prompts.request(title, description, GAP_ATTRIBUTES)
            for _, reply in self.llm([request]):
                said, _ = grounded_values(request, reply, text)
                found |= {name: said[name] for name in wanted if said.get(name)}
        return found

    # --- what it is worth ----------------------------------------------------------------------

    def _priced(self, known, read, image, text, texts) -> dict:
        """All that is computed for several listings at once."""
        import numpy as np

        # As they are, the photos alone, the texts alone, in one call.
        photos = np.concatenate([image, image, np.full_like(image, np.nan)])
        words = np.concatenate([text, np.full_like(text, np.nan), text])
        made = self.models.features(
            self.reader, read * 3, photos, words, known * 3, list(texts) * 3
        )
        labels = {task: np.split(odds, 3) for task, odds in made.labels.items()}
        matrices = np.split(made.matrix, 3)
        found = {"read": read, "known": known, "image": image, "text": text}
        found["labels"] = {task: parts[0] for task, parts in labels.items()}
        found["apart"] = labels["category"][1:]
        taken, without = self._without(matrices[0])
        # One call for all: the price model passes over the products that it knows each time.
        usd, quantiles = self.models.outputs(np.concatenate([made.matrix, *without]))
        usd, quantiles = usd.mean(axis=1), quantiles.mean(axis=1)
        parts = (np.split(one[: len(made.matrix)], 3) for one in (usd, quantiles))
        found["ranges"] = [self._range(*one, image, text) for one in zip(*parts, strict=True)]
        found["moved"] = _moved(usd[: len(texts)], taken, usd[len(made.matrix) :])
        if self.completion:
            found["inferred"] = self.completion.infer(image, text)
        found["similarity"] = self.index.similarity(image, text)
        return found

    def _range(self, usd, quantiles, image, text):
        """USD, low and high (3, n), by the margins of what each listing brings."""
        import numpy as np

        made = np.stack([usd, usd, usd])
        for kind, rows in kinds(image, text).items():
            if len(rows):
                low, high = quantiles[rows, 0], quantiles[rows, -1]
                made[1:, rows] = self.margins[kind].interval(usd[rows], low, high)
        return made

    def _without(self, matrix) -> tuple[list[tuple[int, str]], list]:
        """Of each listing each piece taken away in turn, the others stay: which, what is left."""
        import numpy as np

        from pricing.listing import PIECES as COLUMNS_OF

        taken, without = [], []
        for name, columns in {"photo": ("photo",), "text": ("text",), **COLUMNS_OF}.items():
            places = self.models.block(columns)
            if not len(places):
                continue
            for row in np.flatnonzero(~np.isnan(matrix[:, places]).all(axis=1)):
                taken.append((int(row), name))
                without.append(matrix[[row]])
                without[-1][0, places] = np.nan
        return taken, without

    def _answer(self, priced: dict, row: int, least: float, aside: list[str]) -> Answer:
        import numpy as np

        usd, low, high = (float(one) for one in priced["ranges"][0][:, row])
        read, known = priced["read"][row], priced["known"][row]
        doubts, labels = list(aside), self._labels(priced, row)
        brand = known.get("brand") or read["brand"]
        if brand and not self.reader.knows(brand):
            doubts.append("unknown_brand")
            low, high = low * np.exp(-self.unknown_brand), high * np.exp(self.unknown_brand)
        if self._contradicts(priced, row):
            doubts.append("contradiction")
            both = not (np.isnan(priced["image"][row, 0]) or np.isnan(priced["text"][row, 0]))
            ends = [one[:, row] for one in priced["ranges"][1:]] if both else []
            low, high = min([low, *(one[1] for one in ends)]), max([high, *(o[2] for o in ends)])
        inferred = {
            name: Label(str(value[row]), float(sure[row]))
            for name, (value, sure) in priced.get("inferred", {}).items()
        }
        stated = {name: value for name, value in read.items() if value}
        return Answer(
            usd,
            float(low),
            float(high),
            None,
            tuple(doubts),
            least,
            labels,
            stated,
            inferred,
            self._comparables(priced["similarity"][row], labels["category"].value),
            priced["moved"][row],
        )

    def _labels(self, priced: dict, row: int) -> dict[str, Label]:
        from common.dataset import TASKS

        found = {}
        for task, odds in priced["labels"].items():
            best = odds[row].argmax()
            name = self.models.labeller.classes[task][best]
            stated = priced["known"][row].get(TASKS[task][0])
            found[task] = Label(stated, 1.0) if stated else Label(name, float(odds[row, best]))
        return found

    def _contradicts(self, priced: dict, row: int) -> bool:
        from pricing import ood as doubt

        found = [priced["apart"][0][[row]], priced["apart"][1][[row]]]
        there = [priced["image"][row, 0] == priced["image"][row, 0]]
        there.append(priced["text"][row, 0] == priced["text"][row, 0])
        if all(there) and doubt.agreement(*found)[0] < self.thresholds.agreement:
            return True
        stated = priced["known"][row].get("normalized_category")
        classes = self.models.labeller.classes["category"]
        if stated not in classes:
            return False
        return priced["labels"]["category"][row, classes.index(stated)] < self.thresholds.agreement

    def _comparables(self, similarity, category: str) -> tuple[Comparable, ...]:
        found, columns = [], self.index.columns
        for row in self.index.nearest(similarity, category):
            image = self._raw / columns["image_path"][row]
            found.append(
                Comparable(
                    columns["product_key"][row],
                    columns["title"][row],
                    float(columns["price_usd"][row]),
                    float(similarity[row]),
                    image if image.is_file() else None,
                )
            )
        return tuple(found)


def _moved(usd, taken, without) -> list[tuple[tuple[str, float], ...]]:
    """What each piece adds to a listing's price: what the listing is worth less without it."""
    found = [[] for _ in usd]
    for (row, name), one in zip(taken, without, strict=True):
        added = float(usd[row] - one)
        if abs(added) >= LEAST_MOVE * usd[row]:
            found[row].append((name, added))
    return [tuple(sorted(one, key=lambda piece: -abs(piece[1]))[:PIECES]) for one in found]


_READ = ("material", "care", "style", "item", "other")


def kinds(image, text) -> dict[str, object]:
    """Rows by what they bring: "photo and text", "photo", "text"."""
    import numpy as np

    photo, words = ~np.isnan(image[:, 0]), ~np.isnan(text[:, 0])
    return {
        "photo and text": np.flatnonzero(photo & words),
        "photo": np.flatnonzero(photo & ~words),
        "text": np.flatnonzero(~photo & words),
    }


def _photo(source):
    """A picture that may be decoded, its size checked."""
    from pricing import uploads

    if isinstance(source, str | Path):
        return uploads.picture(source)
    uploads.check_size(source)
    return source


def _refused(refusal: str, doubt: float) -> Answer:
    return Answer(None, None, None, refusal, (), doubt, {}, {}, {}, (), ())
