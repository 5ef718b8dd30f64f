"""Words and fields of listings as sparse matrices (TF-IDF)."""

import re

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from resale.fields import WORD

EAST_ASIAN = re.compile(r"[\u3040-\u9fff\uac00-\ud7a3]")
# Shares of a row that its title, its description and its fields have.
TITLE, DESCRIPTION, FIELDS = 1.0, 0.7, 0.4


# Fields whose values have a term together.
PAIRS = (
    ("brand", "category_end"),
    ("brand", "our_category"),
    ("platform", "brand"),
    ("platform", "kind"),
    ("platform", "month"),
)


def title_terms(title: str) -> list[str]:
    """Words, pairs of words and beginnings of words; of Hangul, Kana and Han also endings."""
    words = WORD.findall(title)
    terms = [
        *words,
        *(f"{first} {second}" for first, second in zip(words, words[1:], strict=False)),
    ]
    for word in words:
        if EAST_ASIAN.search(word):
            for length in (2, 3):
                if len(word) > length:
                    terms += [f"^{word[:length]}", f"{word[-length:]}$"]
        elif not word.isdigit():
            terms += [f"^{word[:length]}" for length in (4, 6) if len(word) > length]
    return terms


def field_terms(fields: pd.DataFrame) -> list[list[str]]:
    """What the fields of each listing say, as terms; rows of :func:`resale.fields.read_fields`."""
    columns = [
        _terms(fields["platform"], lambda name: [f"platform {name}"]),
        _terms(fields["brand"], lambda brand: [f"brand {brand}"]),
        _terms(
            fields["category"], lambda text: [f"category {text}", *_words("category word", text)]
        ),
        _terms(fields["gender"], lambda text: [f"gender {text}"]),
        _terms(fields["our_category"], lambda text: [f"our category {text}"]),
        _terms(fields["our_gender"], lambda text: [f"our gender {text}"]),
        _terms(
            fields["size"], lambda text: [f"size {text}", *_words("size word", text, r"[\w.,]+")]
        ),
        _terms(fields["colour"], lambda text: _words("colour", text)),
        _terms(fields["material"], lambda text: _words("material", text, r"[^\W\d]+")),
        _terms(fields["kind"], lambda text: [f"kind {text}"]),
        _terms(fields["month"], lambda text: [f"month {text}", f"year {text[:4]}"]),
    ]
    rows = [sorted({term for terms in row for term in terms}) for row in zip(*columns, strict=True)]
    for first, second in PAIRS:
        for row, one, other in zip(rows, fields[first], fields[second], strict=True):
            if one and other:
                row.append(f"{first} {one} {second} {other}")
    return rows


class Words:
    """Vocabularies of titles, descriptions, fields and spellings, learned from listings.

    `transform` gives two float32 matrices: (n_rows, columns) of words and fields, and
    (n_rows, spellings) of the letters in title and brand.
    """

    def __init__(self):
        common = {"dtype": np.float32}
        text = {"sublinear_tf": True, **common}
        self.parts = {
            "title": TfidfVectorizer(analyzer=title_terms, min_df=2, **text),
            "description": TfidfVectorizer(analyzer=_pairs, min_df=3, max_features=80_000, **text),
            "fields": CountVectorizer(analyzer=_same, min_df=2, **common),
            "spelling": TfidfVectorizer(
                analyzer="char_wb", ngram_range=(3, 5), min_df=5, max_features=150_000, **text
            ),
        }

    def fit(self, fields: pd.DataFrame) -> "Words":
        """Learns from rows of :func:`resale.fields.read_fields`."""
        for part, texts in self._texts(fields).items():
            vectorizer = self.parts[part]
            try:
                vectorizer.fit(texts)
            except ValueError:  # scikit-learn's answer where no term is frequent enough
                restore(vectorizer, [], None)
        return self

    def transform(self, fields: pd.DataFrame) -> tuple[csr_matrix, csr_matrix]:
        """Both matrices of the class's docstring."""
        texts = self._texts(fields)
        title, description, field, spelling = (
            vectorizer.transform(texts[part])
            if vectorizer.vocabulary_
            else csr_matrix((len(fields), 0), dtype=np.float32)
            for part, vectorizer in self.parts.items()
        )
        words = hstack([title * TITLE, description * DESCRIPTION, field * FIELDS], format="csr")
        return words.astype(np.float32), spelling.tocsr()

    def state(self) -> tuple[dict[str, list[str]], dict[str, np.ndarray]]:
        """Terms by part, for JSON, and their weights, for safetensors."""
        terms = {
            part: sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.get)
            for part, vectorizer in self.parts.items()
        }
        weights = {
            part: vectorizer.idf_.astype(np.float32)
            for part, vectorizer in self.parts.items()
            if part != "fields" and vectorizer.vocabulary_
        }
        return terms, weights

    @classmethod
    def from_state(cls, terms: dict[str, list[str]], weights: dict[str, np.ndarray]) -> "Words":
        """What :meth:`state` gave."""
        words = cls()
        for part, vectorizer in words.parts.items():
            restore(vectorizer, terms[part], weights.get(part))
        return words

    @staticmethod
    def _texts(fields: pd.DataFrame) -> dict[str, list]:
        return {
            "title": fields["title"].tolist(),
            "description": fields["description"].tolist(),
            "fields": field_terms(fields),
            "spelling": (fields["title"] + " " + fields["brand"]).tolist(),
        }


def restore(vectorizer: CountVectorizer, terms: list[str], weights) -> None:
    vectorizer.vocabulary_ = {term: place for place, term in enumerate(terms)}
    vectorizer.fixed_vocabulary_ = True
    if weights is not None and terms:
        # A setter of scikit-learn's for a vocabulary that comes from elsewhere.
        vectorizer.vocabulary = vectorizer.vocabulary_
        vectorizer.idf_ = np.asarray(weights, np.float32)


def _terms(values: pd.Series, function) -> list[list[str]]:
    known = {value: function(value) if value else [] for value in values.unique()}
    return [known[value] for value in values]


def _words(name: str, text: str, pattern: str = r"[^\W_]+") -> list[str]:
    return [f"{name} {word}" for word in re.findall(pattern, text)]


def _pairs(text: str) -> list[str]:
    words = WORD.findall(text)
    return [*words, *map(" ".join, zip(words, words[1:], strict=False))]


def _same(terms: list[str]) -> list[str]:
    return terms
