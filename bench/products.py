"""Drawn products at the study's size, with embeddings that tell price and labels."""

import numpy as np
import pandas as pd

from common.dataset import Dataset
from common.merge import splits, taxonomy
from common.prices.features import STUDY_COLUMNS

LATENT, EMBEDDING = 32, 512


def drawn_products(rows: int) -> Dataset:
    """Products whose price and labels follow from what both embeddings hold, with noise.

    Two embeddings of EMBEDDING numbers, and 26 values of source, gender, category and usage.
    """
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(rows, LATENT)).astype(np.float32)

    def embedding() -> np.ndarray:
        space = latent @ rng.normal(size=(LATENT, EMBEDDING)).astype(np.float32)
        space += np.sqrt(LATENT) * rng.normal(size=space.shape).astype(np.float32)
        return space / np.linalg.norm(space, axis=1, keepdims=True)

    hidden = np.tanh(latent @ rng.normal(size=(LATENT, 64)) / 2)
    level = hidden @ rng.normal(size=64) / 8 + 0.2 * rng.normal(size=rows)
    table = pd.DataFrame({"price_usd": np.exp(2.5 + 0.6 * level)})
    values = (("HNM", "FASHION"), taxonomy.GENDERS, taxonomy.CATEGORIES, taxonomy.USAGES)
    for column, names in zip(STUDY_COLUMNS, values, strict=True):
        scores = latent @ rng.normal(size=(LATENT, len(names)))
        table[column] = np.array(names)[scores.argmax(axis=1)]
    table["group"] = [str(row) for row in range(rows)]
    table["split"] = rng.choice(splits.SPLITS, rows, p=(0.64, 0.16, 0.2))
    return Dataset(table, embedding(), embedding(), "clean")
