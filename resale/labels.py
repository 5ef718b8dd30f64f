"""Category and gender by a listing's words, where its own fields do not state them.

Category: a linear model on TF-IDF of words, of the taxonomy's labels for them (so that what it
learns in one language holds in another) and of sizes, learned from listings and products whose
source states it. What it predicts on platforms that were left out sets the least confidence:
below it a category stays empty. Gender: the one that the text names. A model of it was right in
67 % of the rows of platforms left out: a black coat is a man's here and a woman's there.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save
from scipy.sparse import csr_matrix
from scipy.special import expit
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import normalize

from common import runtime
from common.artifacts import atomic, write_json
from resale import taxonomy
from resale.phrases import plain_words

COLUMNS = {"category": "normalized_category", "gender": "normalized_gender"}
ACCURACY = 0.9  # of what is predicted on platforms left out, where every platform counts alike
LARGEST_PLATFORM = 2500  # rows of each that are learned from
LEAST_ROWS, FOLDS = 100, 8
DESCRIPTION = 200  # characters that are read of a description
WIDTH = 2**17


@dataclass
class ListingLabels:
    """idf: (WIDTH,). One-vs-rest logistic regression: coef (WIDTH, k), intercept (k,).

    threshold: the least confidence of a category. Without enough rows to learn from k is 0.
    """

    classes: list[str]
    threshold: float
    idf: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray

    @classmethod
    def fit(cls, table: pd.DataFrame, seed: int = 0) -> "ListingLabels":
        """Learns from the training and validation rows whose source states the category."""
        known = table["category_is_native"] & (table["split"] != "test")
        table = table[known].sample(frac=1, random_state=seed)
        table = table.groupby("platform").head(LARGEST_PLATFORM)
        labels = table["normalized_category"].to_numpy(object)
        if len(table) < LEAST_ROWS or len(set(labels)) < 2:
            return cls.empty()
        counts = _counts(table)
        idf = TfidfTransformer(sublinear_tf=True).fit(counts).idf_.astype(np.float32)
        matrix = _tf_idf(counts, idf)
        # On a platform or two, groups of listings are left out instead.
        name = "platform" if table["platform"].nunique() >= 3 else "group"
        threshold = _threshold(matrix, labels, table[name].to_numpy(object), seed)
        classes, *weights = _linear(matrix, labels, seed)
        return cls(classes, threshold, idf, *weights)

    @classmethod
    def empty(cls) -> "ListingLabels":
        """Knows no category."""
        return cls([], 1.0, np.ones(WIDTH, np.float32), np.empty((WIDTH, 0)), np.empty(0))

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """``category`` ("" where not sure enough), its ``confidence`` (0..1), ``gender``; per row.

        table: ``title``, ``brand``, ``description`` and ``size``, "" where unknown.
        """
        texts = zip(table["title"], table["description"].str[:DESCRIPTION], strict=True)
        named = [taxonomy.genders(plain_words(" ".join(text))) for text in texts]
        gender = [names[0] if len(names) == 1 else "" for names in named]
        labels = pd.DataFrame({"category": "", "confidence": 0.0, "gender": gender}, table.index)
        labels["gender"] = labels["gender"].where(labels["gender"] != "kids", "")
        if self.classes:
            matrix = _tf_idf(_counts(table), self.idf)
            probability = _probability(matrix, self.coef, self.intercept)
            labels["confidence"] = probability.max(axis=1)
            best = np.array(self.classes, object)[probability.argmax(axis=1)]
            labels["category"] = np.where(labels["confidence"] >= self.threshold, best, "")
        return labels

    def save(self, folder: Path) -> Path:
        """Writes ``labels.json`` and ``labels.safetensors`` into ``folder``; the latter's path."""
        arrays = {"idf": self.idf, "coef": self.coef, "intercept": self.intercept}
        write_json({"classes": self.classes, "threshold": self.threshold}, folder / "labels.json")
        with atomic(folder / "labels.safetensors") as temporary:
            temporary.write_bytes(save(arrays))  # unlike save_file: the usual mode of a file
        return folder / "labels.safetensors"

    @classmethod
    def load(cls, folder: Path) -> "ListingLabels":
        """Reads what :meth:`save` wrote."""
        notes = json.loads((folder / "labels.json").read_text("utf-8"))
        return cls(**notes, **load_file(folder / "labels.safetensors"))


def fill(table: pd.DataFrame, seed: int = 0) -> tuple[pd.DataFrame, list[tuple], ListingLabels]:
    """Fills the empty categories and genders of second-hand rows by what the table itself teaches.

    Returns the table, its account (``source, table, outcome, rows, detail``: by platform how many
    labels are its own, predicted or unknown, and of how many test rows that state theirs the
    predicted one is right) and the model.
    """
    model, table = ListingLabels.fit(table, seed), table.copy()
    resale = table.index[table["market"] == "resale"]
    predicted, account = model.predict(table.loc[resale]), []
    for name, column in COLUMNS.items():
        label, native = table.loc[resale, column], table.loc[resale, f"{name}_is_native"]
        table.loc[resale, column] = label.where(native, predicted[name])
        state = np.where(
            native, "its own words", np.where(predicted[name] != "", "predicted", "unknown")
        )
        told = native & (table.loc[resale, "split"] == "test") & (predicted[name] != "")
        facts = table.loc[resale, ["platform"]].assign(state=state, told=told)
        facts["tested"] = native & (table.loc[resale, "split"] == "test")
        facts["right"] = told & (predicted[name] == label)
        for platform, rows in facts.groupby("platform", sort=True):
            for outcome, count in rows["state"].value_counts().items():
                account.append((platform, name, outcome, count, ""))
            if rows["tested"].any():
                detail = f"of {rows['told'].sum()} predicted of {rows['tested'].sum()} test rows"
                account.append((platform, name, "predicted right", rows["right"].sum(), detail))
    return table, account, model


def _threshold(matrix: csr_matrix, labels: np.ndarray, groups: np.ndarray, seed: int) -> float:
    """The least confidence from which on `ACCURACY` of the labels of held-out groups are right."""
    confidence, right = np.zeros(len(labels)), np.zeros(len(labels), bool)
    folds = GroupKFold(min(FOLDS, len(set(groups))), shuffle=True, random_state=seed)
    for learn, held_out in folds.split(matrix, labels, groups):
        if len(set(labels[learn])) > 1:
            classes, *weights = _linear(matrix[learn], labels[learn], seed)
            probability = _probability(matrix[held_out], *weights)
            confidence[held_out] = probability.max(axis=1)
            right[held_out] = np.array(classes)[probability.argmax(axis=1)] == labels[held_out]
    # Every group counts alike, however many rows it has.
    weight = 1 / pd.Series(groups).groupby(groups).transform("size").to_numpy()
    order = np.argsort(-confidence, kind="stable")
    enough = (weight * right)[order].cumsum() >= ACCURACY * weight[order].cumsum()
    return float(confidence[order][enough].min(initial=1.0))


def _linear(
    matrix: csr_matrix, labels: np.ndarray, seed: int
) -> tuple[list, np.ndarray, np.ndarray]:
    """One-vs-rest logistic regression by averaged SGD: classes, coef (WIDTH, k), intercept (k,)."""
    model = SGDClassifier(
        "log_loss", alpha=1e-5, max_iter=6, tol=None, average=True, random_state=seed
    )
    model.set_params(n_jobs=runtime.cpu_count()).fit(matrix, labels)
    coef, intercept = model.coef_, model.intercept_
    if len(coef) == 1:  # of the second of two classes
        coef, intercept = np.vstack([-coef, coef]), np.concatenate([-intercept, intercept])
    coef = np.ascontiguousarray(coef.T, np.float32)  # safetensors writes the memory as it lies
    return model.classes_.tolist(), coef, intercept.astype(np.float32)


def _probability(matrix: csr_matrix, coef: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """(n, k), rows sum to 1."""
    probability = expit(matrix @ coef + intercept)
    return probability / probability.sum(axis=1, keepdims=True)


def _tf_idf(counts: csr_matrix, idf: np.ndarray) -> csr_matrix:
    counts = counts.copy()
    counts.data = np.log(counts.data) + 1
    return normalize(counts.multiply(idf).tocsr().astype(np.float32))


def _counts(table: pd.DataFrame) -> csr_matrix:
    """Counts of hashed words and marks, (n, WIDTH)."""
    hashing = HashingVectorizer(
        analyzer=_marks, n_features=WIDTH, alternate_sign=False, norm=None, dtype=np.float32
    )
    columns = (table[name] for name in ("title", "brand", "description", "size"))
    return hashing.transform(zip(*columns, strict=True))


def _marks(listing: Sequence[str]) -> list[str]:
    """Words of (title, brand, description, size), what the taxonomy says of them, and the size."""
    title, brand, description, size = listing
    title, description = plain_words(title), plain_words(description[:DESCRIPTION])
    categories, size = taxonomy.categories(title), plain_words(size).strip()
    marks = [f"category={label}" for label in categories]
    marks += [f"gender={label}" for label in taxonomy.genders(title + description)]
    marks += [f"size={size} {label}" for label in ["", *categories]]
    return [*title.split(), *plain_words(brand).split(), *description.split(), *marks]
