"""Which words a text holds, as numbers: what a sentence's embedding blurs, such as `party`.

Words are hashed (Weinberger et al., "Feature hashing for large scale multitask learning", ICML
2009), so that nothing is fitted: a single listing gives the same row as in the table.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer

WIDTH = 2**11
LENGTH = 8.0  # of a row, so that its entries are about 1 as those of a normed embedding are

_STOP_WORDS = (
    "a an and are as at be by for from has have in is it its of on or that the these this to was "
    "which will with you your"
)


def hashed(texts: Sequence[str], width: int = WIDTH) -> np.ndarray:
    """float16 (n_texts, width): log-scaled counts of words, rows of one length; 0 for no word."""
    vectorizer = HashingVectorizer(
        n_features=width,
        token_pattern=r"\w+",
        stop_words=_STOP_WORDS.split(),
        norm=None,
        alternate_sign=False,
    )
    counts = np.log1p(vectorizer.transform(texts).toarray().astype(np.float32))
    lengths = np.linalg.norm(counts, axis=1, keepdims=True)
    return (LENGTH * counts / np.maximum(lengths, 1e-9)).astype(np.float16)
