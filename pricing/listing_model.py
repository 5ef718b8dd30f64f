"""What a listing's words and photo say of its price and its labels.

Words: ridge regressions on TF-IDF, of a line (a title, or what a seller writes in a line) and of a
line with a description. Photo: a kernel ridge regression on its embedding. Each learns the log
price and the labels (one-hot, by least squares) at once. What they predict out of fold is stacked,
for each thing that a listing can bring, by linear models (Wolpert, "Stacked generalization", Neural
Networks 1992). So words count as words, and each kind of listing is predicted as it was learned.
"""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from scipy.sparse import csr_matrix, hstack
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from common.artifacts import StageError, atomic, write_json
from common.dataset import TASKS
from common.kernel_ridge import KernelRidge
from common.prices.recipes import folds
from pricing.models import MODEL, WEIGHTS
from resale.phrases import plain_words
from resale.words import restore

FOLDS = 4
ALPHA = 1.0  # of the ridge on words; chosen on validation rows
LABEL_C = 10.0  # of the logistic regressions that stack scores of labels
LEFT_OUT = 0.25  # of the fields of a seller's line, in training
LINE_COLUMNS = ("colour", "brand", "product_type", "normalized_category", "normalized_gender")
WORDS = ("line", "text")
PAIRED = 16  # words of a title, at most, that are taken in pairs
# What a row counts as a title alone, as a seller's line, as both together.
WEIGHTS_OF_VIEWS = {"line": (1.0, 0.4, 0.3), "text": (1.0, 0.4)}
# What a listing can bring -> the models that it is stacked from.
KINDS = {
    "line": ("line",),
    "text": ("text",),
    "photo": ("photo",),
    "photo and line": ("line", "photo"),
    "photo and text": ("text", "photo"),
}


def kinds(titles: Sequence[str], descriptions: Sequence[str], image: np.ndarray) -> np.ndarray:
    """What each of n listings brings, of KINDS; "" for nothing. image: (n, d), NaN for none."""
    photo, names = ~np.isnan(image[:, 0]), []
    for title, description, shown in zip(titles, descriptions, photo, strict=True):
        words = "text" if description.strip() else "line" if title.strip() else ""
        names.append(" and ".join(part for part in ("photo" if shown else "", words) if part))
    return np.array(names, dtype=object)


def seller_lines(table: pd.DataFrame, left_out: float = 0.0, seed: int = 0) -> list[str]:
    """Colour, brand, type and gender of each product, as a seller might write them in a line.

    left_out: share of the fields that are missing.
    """
    values = table[list(LINE_COLUMNS)].fillna("").astype(str).to_numpy(object)
    values[np.random.default_rng(seed).random(values.shape) < left_out] = ""
    return [" ".join(" ".join(row).split()) for row in values]


def title_terms(title: str) -> list[str]:
    """Words, and pairs of words in any order; title: of :func:`resale.phrases.plain_words`."""
    words = sorted(set(title.split()))
    return words + [" ".join(pair) for pair in itertools.combinations(words[:PAIRED], 2)]


@dataclass
class WordRidge:
    """TF-IDF of words and of their letters, and a ridge regression on them.

    The order of a title's words changes nothing, nor do case and punctuation. coef: (n_terms,
    n_targets); intercept: (n_targets,).
    """

    parts: dict[str, TfidfVectorizer]
    coef: np.ndarray | None = None
    intercept: np.ndarray | None = None

    @classmethod
    def empty(cls, descriptions: bool) -> "WordRidge":
        """Not fitted; descriptions: whether it reads them too."""
        words = {"sublinear_tf": True, "dtype": np.float32, "token_pattern": r"\S+"}
        letters = {"analyzer": "char_wb", "ngram_range": (3, 4), "min_df": 2}
        parts = {
            "title": TfidfVectorizer(
                min_df=2, **words | {"token_pattern": None, "analyzer": title_terms}
            ),
            "letters": TfidfVectorizer(**words | {"token_pattern": None} | letters),
        }
        if descriptions:
            parts["description"] = TfidfVectorizer(min_df=2, ngram_range=(1, 2), **words)
        return cls(parts)

    def fit(self, titles, descriptions, targets, weight, fold) -> np.ndarray:
        """Learns from n listings; returns predictions (n, n_targets) out of fold.

        targets: (n, n_targets); weight, fold: (n,).
        """
        for name, texts in self._texts(titles, descriptions).items():
            try:
                self.parts[name].fit(texts)
            except ValueError:  # scikit-learn's answer where no term is frequent enough
                restore(self.parts[name], [], None)
        terms, predicted = self._terms(titles, descriptions), np.zeros(targets.shape)
        for number in np.unique(fold):
            learn, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            ridge = Ridge(ALPHA, solver="sparse_cg")
            ridge.fit(terms[learn], targets[learn], sample_weight=weight[learn])
            predicted[held] = ridge.predict(terms[held])
        ridge = Ridge(ALPHA, solver="sparse_cg").fit(terms, targets, sample_weight=weight)
        self.coef, self.intercept = ridge.coef_.T.astype(np.float32), ridge.intercept_
        return predicted

    def predict(self, titles: Sequence[str], descriptions: Sequence[str]) -> np.ndarray:
        """(n, n_targets)."""
        return self._terms(titles, descriptions) @ self.coef + self.intercept

    def _terms(self, titles, descriptions) -> csr_matrix:
        texts = self._texts(titles, descriptions)
        return hstack([part.transform(texts[name]) for name, part in self.parts.items()], "csr")

    def _texts(self, titles, descriptions) -> dict[str, list[str]]:
        title = [plain_words(text) for text in titles]
        texts = {"title": title, "letters": title}
        if "description" in self.parts:
            texts["description"] = [plain_words(text) for text in descriptions]
        return texts


@dataclass
class Stack:
    """Linear models on what the models of a kind of listing predict.

    price: weights and, last, an intercept. labels: by task (n_scores + 1, n_classes), likewise.
    """

    price: np.ndarray
    labels: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class HeldOut:
    """Predictions out of fold, a row a view of a product.

    row: of the table; log_usd: (n,); category: probabilities (n, n_classes).
    """

    row: np.ndarray
    log_usd: np.ndarray
    category: np.ndarray


class ListingModel:
    """classes: of each task. words: by WORDS. stacks: by KINDS. photo: over embeddings.
    mean: of the log prices, which a listing of nothing has.
    """

    def __init__(
        self,
        classes: dict[str, list[str]],
        words: dict[str, WordRidge],
        photo: KernelRidge,
        stacks: dict[str, Stack],
        mean: float,
    ):
        self.classes, self.words, self.photo, self.stacks = classes, words, photo, stacks
        self.mean = mean

    @classmethod
    def fit(
        cls, table: pd.DataFrame, image: np.ndarray, seed: int = 0
    ) -> tuple["ListingModel", dict[str, HeldOut]]:
        """table: products to learn from, title and description as in use; image: (n, d), NaN for
        none. Also returns, by kind, what is predicted out of fold.
        """
        classes = {task: sorted(table[column].unique()) for task, (column, _) in TASKS.items()}
        log_usd = np.log(table["price_usd"].to_numpy(np.float64))
        one_hot = [
            table[TASKS[task][0]].to_numpy()[:, None] == np.array(names, dtype=object)
            for task, names in classes.items()
        ]
        targets = np.column_stack([log_usd, *one_hot]).astype(np.float64)
        fold = folds(table["group"], FOLDS, seed)
        rows = np.arange(len(table))

        titles, descriptions = (
            table[name].fillna("").tolist() for name in ("title", "description")
        )
        lines = seller_lines(table, LEFT_OUT, seed)
        both = [f"{line} {title}" for line, title in zip(lines, titles, strict=True)]
        views = {  # of each product: titles and descriptions by the model that reads them
            "line": (titles + lines + both, [""] * 3 * len(rows)),
            "text": (titles + both, descriptions * 2),
        }
        row_of, out, words = {"photo": rows}, {}, {}
        for name, (first, rest) in views.items():
            row_of[name] = np.tile(rows, len(first) // len(rows))
            words[name] = WordRidge.empty(name == "text")
            row, weight = row_of[name], np.repeat(WEIGHTS_OF_VIEWS[name], len(rows))
            out[name] = words[name].fit(first, rest, targets[row], weight, fold[row])
        photo, out["photo"] = _fit_photo(image, targets, fold, seed)

        stacks, held_out = {}, {}
        for kind, names in KINDS.items():
            row = row_of[names[0]]
            scores = [out[name] if name in WORDS else out[name][row] for name in names]
            shown = ~np.isnan(np.concatenate(scores, axis=1)).any(axis=1)
            scores, row = [part[shown] for part in scores], row[shown]
            stacks[kind], log_price = _fit_stack(scores, targets[row], fold[row], classes)
            labels = _stacked(stacks[kind], scores, classes)[1]
            held_out[kind] = HeldOut(row, log_price, labels["category"])
        return cls(classes, words, photo, stacks, float(log_usd.mean())), held_out

    def predict(
        self, titles: Sequence[str], descriptions: Sequence[str], image: np.ndarray
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Log USD (n,), and probabilities (n, n_classes) by task, NaN for a listing of nothing.

        image: embeddings (n, d), NaN for none.
        """
        kind = kinds(titles, descriptions, image)
        log_usd = np.full(len(kind), self.mean)
        labels = {task: np.full((len(kind), len(c)), np.nan) for task, c in self.classes.items()}
        for name in sorted(set(kind) - {""}):
            rows = np.flatnonzero(kind == name)
            texts = [[part[row] for row in rows] for part in (titles, descriptions)]
            scores = [
                self._photo(image[rows]) if model == "photo" else self.words[model].predict(*texts)
                for model in KINDS[name]
            ]
            log_usd[rows], odds = _stacked(self.stacks[name], scores, self.classes)
            for task, values in odds.items():
                labels[task][rows] = values
        return log_usd, labels

    def _photo(self, image: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            outputs = self.photo(torch.from_numpy(np.asarray(image, np.float32)))
        return outputs.mean(dim=1).double().numpy()

    def save(self, folder: Path) -> None:
        """Writes MODEL (vocabularies, shapes) and WEIGHTS."""
        arrays = {f"photo.{name}": part.numpy() for name, part in self.photo.state_dict().items()}
        config = {"classes": self.classes, "terms": {}, "mean": self.mean}
        config["photo"] = {"blocks": self.photo.blocks, "shape": self.photo.shape}
        config["photo"]["landmarks"] = len(self.photo.landmarks)
        for name, model in self.words.items():
            arrays |= {f"{name}.coef": model.coef, f"{name}.intercept": model.intercept}
            terms = config["terms"][name] = {}
            for part, vectorizer in model.parts.items():
                terms[part] = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.get)
                if terms[part]:
                    arrays[f"{name}.{part}"] = vectorizer.idf_.astype(np.float32)
        for kind, stack in self.stacks.items():
            arrays[f"stack.{kind}.price"] = stack.price
            arrays |= {f"stack.{kind}.{task}": values for task, values in stack.labels.items()}
        write_json(config, folder / MODEL)
        with atomic(folder / WEIGHTS) as temporary:
            arrays = {name: np.ascontiguousarray(part) for name, part in arrays.items()}
            temporary.write_bytes(save(arrays))

    @classmethod
    def load(cls, folder: Path) -> "ListingModel":
        """What :meth:`save` wrote. Raises StageError where a file is missing or not whole."""
        try:
            config = json.loads((folder / MODEL).read_text("utf-8"))
            arrays = load_file(folder / WEIGHTS)
            words = {}
            for name, terms in config["terms"].items():
                model = words[name] = WordRidge.empty("description" in terms)
                model.coef, model.intercept = (
                    arrays[f"{name}.{part}"] for part in ("coef", "intercept")
                )
                for part, vectorizer in model.parts.items():
                    restore(vectorizer, terms[part], arrays.get(f"{name}.{part}"))
            facts = config["photo"]
            photo = KernelRidge(facts["blocks"], facts["landmarks"], *facts["shape"])
            state = {k[6:]: torch.from_numpy(v) for k, v in arrays.items() if k[:6] == "photo."}
            photo.load_state_dict(state)
            stacks = {
                kind: Stack(
                    arrays[f"stack.{kind}.price"],
                    {task: arrays[f"stack.{kind}.{task}"] for task in config["classes"]},
                )
                for kind in KINDS
            }
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            command = "python -m pricing.calibrate"
            raise StageError(f"{folder} holds no whole model; make it with: {command}") from error
        return cls(config["classes"], words, photo, stacks, config["mean"])


def _fit_photo(image, targets, fold, seed) -> tuple[KernelRidge, np.ndarray]:
    """The kernel ridge on photos, and its predictions (n, n_targets) out of fold, NaN for none."""
    shown = np.flatnonzero(~np.isnan(image[:, 0]))
    features = torch.from_numpy(np.asarray(image[shown], np.float32))
    mean = targets[shown].mean(axis=0)
    centred = torch.from_numpy((targets[shown] - mean).astype(np.float32))
    scale, width = torch.ones(features.shape[1]), features.shape[1]
    member = torch.from_numpy(fold[shown])
    photo, outputs = KernelRidge.fit(features, [width], scale, centred, member, seed)
    predicted = np.full(targets.shape, np.nan)
    centred = outputs.numpy()[np.arange(len(shown)), fold[shown]]
    predicted[shown] = centred
    return photo, predicted


def _fit_stack(scores, targets, fold, classes) -> tuple[Stack, np.ndarray]:
    """The stack of a kind of listing, and its log prices (n,) out of fold."""
    prices, log_usd = np.column_stack([part[:, 0] for part in scores]), targets[:, 0]
    held_out = np.zeros(len(prices))
    for number in np.unique(fold):
        learn, held = fold != number, fold == number
        held_out[held] = LinearRegression().fit(prices[learn], log_usd[learn]).predict(prices[held])
    line = LinearRegression().fit(prices, log_usd)
    stack = Stack(np.append(line.coef_, line.intercept_))
    for task, part in _spans(classes).items():
        inputs, truth = np.column_stack([s[:, part] for s in scores]), targets[:, part].argmax(1)
        model = LogisticRegression(C=LABEL_C, max_iter=500).fit(inputs, truth)
        # A class that no listing of this kind has; of two classes scikit-learn keeps one row.
        weights = np.zeros((inputs.shape[1] + 1, targets[:, part].shape[1]))
        weights[-1] = -20.0
        present = model.classes_ if len(model.classes_) > 2 else model.classes_[1:]
        if len(model.classes_) == 2:
            weights[-1, model.classes_[0]] = 0.0
        weights[:, present] = np.vstack([model.coef_.T, model.intercept_])
        stack.labels[task] = weights
    return stack, held_out


def _stacked(stack: Stack, scores: list[np.ndarray], classes) -> tuple[np.ndarray, dict]:
    """Log USD (n,), and probabilities by task."""
    prices = np.column_stack([part[:, 0] for part in scores])
    labels = {}
    for task, part in _spans(classes).items():
        weights, inputs = stack.labels[task], np.column_stack([s[:, part] for s in scores])
        labels[task] = softmax(inputs @ weights[:-1] + weights[-1], axis=1)
    return prices @ stack.price[:-1] + stack.price[-1], labels


def _spans(classes: dict[str, list[str]]) -> dict[str, slice]:
    """The columns of each task among the targets, behind the price."""
    ends = 1 + np.cumsum([0, *map(len, classes.values())])
    return {task: slice(*pair) for task, *pair in zip(classes, ends, ends[1:], strict=False)}
