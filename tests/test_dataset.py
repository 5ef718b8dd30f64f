"""The data set view: experiments train and test where they say, labels follow the taxonomy."""

import numpy as np
import pandas as pd
import pytest

from common import dataset
from common.artifacts import StageError


@pytest.fixture
def table():
    splits = ["train", "validation", "test"] * 4
    return pd.DataFrame(
        {
            "dataset_source": ["HNM"] * 6 + ["FASHION"] * 6,
            "split": splits,
            "normalized_gender": ["Men", "Girls"] * 6,
        }
    )


def test_sides_of_each_experiment(table):
    train, validation, test = dataset.sides(table, "HNM->FASHION")
    assert train.tolist() == [0, 3] and validation.tolist() == [1, 4] and test.tolist() == [8, 11]
    mixed = dataset.sides(table, "mixed")
    assert sorted(np.concatenate(mixed)) == list(range(12))
    assert set(test) <= set(mixed[2])  # every experiment is scored on the same products


def test_sides_without_rows_say_so(table):
    with pytest.raises(StageError, match="no test rows"):
        dataset.sides(table[table["split"] != "test"], "mixed")


def test_labels_follow_the_taxonomy_and_refuse_strangers(table):
    codes, classes = dataset.labels(table, "gender")
    assert [classes[code] for code in codes] == table["normalized_gender"].tolist()
    table.loc[3, "normalized_gender"] = "Aliens"
    with pytest.raises(StageError, match="Aliens"):
        dataset.labels(table, "gender")
