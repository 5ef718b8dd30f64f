"""Imputed attributes: the model's answers, and its file."""

import numpy as np
import pytest

from attributes.impute import AttributeImputer
from common.artifacts import StageError


def test_a_model_answers_the_same_after_a_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(9, 3)).astype(np.float32)
    model = AttributeImputer({"neck": weights}, {"neck": ["boat", "round", "v"]})
    image, text = rng.normal(size=(2, 5, 4))
    image[0], text[1] = np.nan, np.nan
    model.save(tmp_path / "model.safetensors")
    loaded = AttributeImputer.load(tmp_path / "model.safetensors").infer(image, text)["neck"]
    value, confidence = model.infer(image, text)["neck"]
    assert list(loaded[0]) == list(value)
    assert np.array_equal(loaded[1], confidence)
    assert ((confidence > 1 / 3) & (confidence <= 1)).all()
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(StageError, match="not whole"):
        AttributeImputer.load(tmp_path / "model.safetensors")
