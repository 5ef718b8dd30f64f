"""Made-up products whose labels are known to stand in their embeddings."""

import numpy as np
import pandas as pd

from common import dataset
from common.merge import taxonomy


def planted_products() -> dataset.Dataset:
    """Products whose photo tells the category and whose text tells gender and usage."""
    rows, rng = 700, np.random.default_rng(0)
    source = np.array(["HNM", "FASHION"])[np.arange(rows) % 2]
    codes = {
        "category": rng.integers(0, len(taxonomy.CATEGORIES), rows),
        "gender": rng.integers(0, len(taxonomy.GENDERS), rows),
        "usage": rng.choice([0, 0, 0, 1, 2], rows),
    }

    def centred(*tasks):
        space = np.zeros((rows, 32))
        for task in tasks:
            space += rng.normal(size=(20, 32))[codes[task]]
        space += 0.3 * rng.normal(size=space.shape)
        return (space / np.linalg.norm(space, axis=1, keepdims=True)).astype(np.float32)

    table = pd.DataFrame(
        {
            "dataset_source": source,
            "usage_is_native": source == "FASHION",
            "split": rng.choice(["train", "validation", "test"], rows, p=[0.64, 0.16, 0.2]),
            **{
                column: np.array(classes)[codes[task]]
                for task, (column, classes) in dataset.TASKS.items()
            },
        }
    )
    return dataset.Dataset(
        table, centred("category"), centred("gender", "usage"), "clean", {"table": "made up"}
    )
