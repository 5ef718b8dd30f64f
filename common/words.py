"""Which words a text holds, as numbers: what a sentence's embedding blurs, such as `party`.

Words are hashed (Weinberger et al., "Feature hashing for large scale multitask learning", ICML
2009), so that nothing is fitted: a single listing gives the same row as in the table.
"""

from collections.abc import Sequence

import numpy as np

WIDTH = 2**13
LENGTH = 8.0  # of a row, so that its entries are about 1 as those of a normed embedding are


def hashed(texts: Sequence[str], width: int = WIDTH) -> np.ndarray:
    """float16 (n_texts, width): log-scaled counts of words, rows of one length; 0 for no word.

    Words that any text has ("the", "with") are left out.
    """
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.preprocessing import normalize

    vectorizer = HashingVectorizer(
        n_features=width,
        alternate_sign=False,
        norm=None,
        token_pattern=r"\b\w+\b",
        stop_words="english",
    )
    counts = vectorizer.transform(texts)
    counts.data = 1 + np.log(counts.data)
    return (LENGTH * normalize(counts)).astype(np.float32).toarray().astype(np.float16)
