"""Which words a text holds, as numbers: what a sentence's embedding blurs, such as `party`.

Words are hashed (Weinberger et al., "Feature hashing for large scale multitask learning", ICML
2009), so that nothing is fitted: a single listing gives the same row as in the table.
"""

import re
import zlib
from collections.abc import Sequence

import numpy as np

WIDTH = 2**11
LENGTH = 8.0  # of a row, so that its entries are about 1 as those of a normed embedding are

_WORD = re.compile(r"\w+")
_IN_ANY_TEXT = frozenset(
    "a an and are as at be by for from has have in is it its of on or that the these this to was "
    "which will with you your".split()
)


def hashed(texts: Sequence[str], width: int = WIDTH) -> np.ndarray:
    """float16 (n_texts, width): log-scaled counts of words, rows of one length; 0 for no word.

    Words that any text has ("the", "with") are left out. What scikit-learn's HashingVectorizer
    does, whose import takes a second that a listing would have to wait for.
    """
    made = np.zeros((len(texts), width), np.float32)
    for row, text in zip(made, texts, strict=True):
        for word in _WORD.findall(text.lower()):
            if word not in _IN_ANY_TEXT:
                row[zlib.crc32(word.encode()) % width] += 1
    np.log1p(made, out=made)
    lengths = np.linalg.norm(made, axis=1, keepdims=True)
    return (LENGTH * made / np.maximum(lengths, 1e-9)).astype(np.float16)
