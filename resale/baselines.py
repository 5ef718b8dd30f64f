"""What a model of all platforms has to beat: a platform's median, and a ridge on its own words."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from resale.fields import column

COLUMNS = (
    "title",
    "description",
    "brand",
    "product_type",
    "section",
    "condition",
    "size",
    "colour",
    "material",
    "price_kind",
)
ALPHAS = (1.0, 3.0, 10.0)


class TfidfRidge:
    """A ridge regression of log prices on TF-IDF of words and letters of all fields.

    For the listings of a single platform.
    """

    def __init__(self, alpha: float = 1.0):
        common = {"sublinear_tf": True, "dtype": np.float32}
        self.vectorizers = [
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, token_pattern=r"\b\w+\b", **common),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3, **common),
        ]
        self.alpha, self.model, self.median = alpha, None, 0.0

    def fit(self, table: pd.DataFrame, validation: pd.DataFrame | None = None) -> "TfidfRidge":
        """Rows of the product table. With `validation` rows, which it learns from in the end as
        well, alpha is the one of ALPHAS that errs least on them."""
        if validation is not None and len(validation):
            words = self._fit_words(table)
            if words is not None:
                held = self.words(validation)
                prices, true = np.log(table["price_usd"]), np.log(validation["price_usd"])
                errors = [
                    np.mean((_ridge(alpha, words, prices).predict(held) - true) ** 2)
                    for alpha in ALPHAS
                ]
                self.alpha = ALPHAS[int(np.argmin(errors))]
            table = pd.concat([table, validation])
        prices = np.log(table["price_usd"].to_numpy(np.float64))
        self.median = float(np.median(prices))
        words = self._fit_words(table)
        self.model = None if words is None else _ridge(self.alpha, words, prices)
        return self

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """Log USD (n,); the median where there were too few rows for words."""
        if self.model is None:
            return np.full(len(table), self.median)
        return self.model.predict(self.words(table))

    def words(self, table: pd.DataFrame) -> csr_matrix:
        texts = field_texts(table)
        return hstack([vectorizer.transform(texts) for vectorizer in self.vectorizers], "csr")

    def _fit_words(self, table: pd.DataFrame) -> csr_matrix | None:
        texts = field_texts(table)
        try:
            return hstack([part.fit_transform(texts) for part in self.vectorizers], "csr")
        except ValueError:  # scikit-learn's answer where no term is frequent enough
            return None


def field_texts(table: pd.DataFrame) -> list[str]:
    """All fields of each row of the product table as one text."""
    columns = [column(table, name) for name in COLUMNS]
    return [" \n ".join(values) for values in zip(*columns, strict=True)]


def _ridge(alpha: float, words: csr_matrix, prices) -> Ridge:
    return Ridge(alpha=alpha, solver="sparse_cg", tol=1e-3).fit(words, prices)
