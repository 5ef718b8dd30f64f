"""DEC on digits, cut short: the table has all methods of a seed, and a seed is not run twice."""

import sys

import pandas as pd
import pytest

from common.clusters import dec
from experiments import dec_digits


def test_the_digits_table_is_made_once_per_seed(tmp_path, monkeypatch):
    for name, value in (
        ("LAYER_UPDATES", 8),
        ("WHOLE_UPDATES", 60),
        ("RESTARTS", 2),
        ("MAX_PASSES", 2),
    ):
        monkeypatch.setattr(dec, name, value)
    argv = ["digits", "--data-dir", str(tmp_path), "--device", "cpu", "--seed"]
    monkeypatch.setattr(sys, "argv", [*argv, "3"])
    dec_digits.main()
    path = tmp_path / "results" / "dec_digits.csv"
    first = pd.read_csv(path)
    assert first["method"].tolist() == ["K-Means", "AE+K-Means", "DEC"]
    # What K-Means reaches on these pixels is known.
    assert first["accuracy"][0] == pytest.approx(0.79, abs=0.06)
    assert (first["smallest_cluster"] > 0).all() and (first["accuracy"] > 0.2).all()
    monkeypatch.setattr(dec, "pretrain", None)  # a seed that is run again now fails the test
    dec_digits.main()
    assert pd.read_csv(path).equals(first)
