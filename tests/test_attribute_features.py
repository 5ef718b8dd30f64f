"""What the attributes add to a classifier, on products whose attributes tell the usage."""

import sys

import numpy as np
import pandas as pd
import pytest
from planted import planted_products

from attributes.normalize import COLUMNS
from common import cli, dataset
from common.artifacts import StageError
from experiments import attribute_features


@pytest.fixture
def planted_with_attributes(monkeypatch):
    data = planted_products()
    data.table["llm_text"] = "item: " + data.table["normalized_usage"]
    for column in COLUMNS.values():
        data.table[column] = ""
    data.table[COLUMNS["item"]] = data.table["normalized_usage"].str.lower()
    # The listing's text says nothing, so that the attributes alone can.
    data.text = np.random.default_rng(1).normal(size=data.text.shape).astype(np.float32)
    data.text /= np.linalg.norm(data.text, axis=1, keepdims=True)
    monkeypatch.setattr(dataset, "load", lambda run: data)
    spread = np.random.default_rng(2).normal(size=(97, 32)).astype(np.float32)
    monkeypatch.setattr(
        attribute_features,
        "embed_texts",
        lambda run, texts: np.stack([spread[len(text)] for text in texts]),
    )
    return data


def run(monkeypatch, folder):
    monkeypatch.setattr(sys, "argv", ["attribute_features", "--data-dir", str(folder)])
    attribute_features.main()
    args = cli.parse(cli.parser(""), ["--data-dir", str(folder)])
    return pd.read_csv(args.paths.results(attribute_features.STAGE))


def test_attributes_that_tell_the_usage_are_worth_it(
    planted_with_attributes, monkeypatch, tmp_path
):
    table = run(monkeypatch, tmp_path)
    scored = table[table["task"] == "usage"].set_index("model")["accuracy"]
    assert set(scored.index) == {"Majority", *attribute_features.INPUTS}
    for name in ("Linear + attributes as categories", "Linear, attributes as categories"):
        assert scored[name] > 0.95 > scored["Linear"]
    again = run(monkeypatch, tmp_path)
    pd.testing.assert_frame_equal(again, table)  # nothing computed twice


def test_a_table_without_normal_values_is_refused(planted_with_attributes, monkeypatch, tmp_path):
    data = planted_with_attributes
    data.table = data.table.drop(columns=list(COLUMNS.values()))
    with pytest.raises(StageError, match="Use_LLM_for_preprocess"):
        run(monkeypatch, tmp_path)


def test_rare_values_and_those_of_test_rows_have_no_place():
    table = pd.DataFrame({column: [""] * 8 for column in COLUMNS.values()})
    table[COLUMNS["fit"]] = ["slim"] * 5 + ["loose"] * 3
    blocks = attribute_features.categories(table, np.arange(6))
    assert blocks.shape == (8, 1)
    assert (blocks[:5, 0] > 0).all()
    assert (blocks[5:] == 0).all()
