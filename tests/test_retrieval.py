"""The evaluator of CLIPs, on the drawn catalogue: the embedded CLIP, itself by path, chance."""

import shutil
import sys

import pandas as pd
import pytest

from common import presets
from common.artifacts import Paths, write_csv
from experiments import retrieval


def test_any_clip_is_scored_by_one_evaluator(sample_raw, sample_table, tmp_path, monkeypatch):
    for step in ("heads", "stage"):
        recipe = {**presets.LITE_ALIGNMENT[step], "epochs": 3 if step == "heads" else 1}
        monkeypatch.setitem(presets.LITE_ALIGNMENT, step, recipe)
    paths = Paths(tmp_path, sample_raw)
    write_csv(sample_table[0], paths.llm)

    def run(*more):
        argv = ["retrieval", "--data-dir", str(tmp_path), "--raw-dir", str(sample_raw)]
        monkeypatch.setattr(sys, "argv", [*argv, "--device", "cpu", *more])
        retrieval.main()
        return pd.read_csv(paths.results("retrieval")).set_index(["products", "model"])

    found = run()
    models = {"Chance", "fashion-lite", "fashion-lite, not aligned"}
    assert set(found.index.get_level_values("model")) == models
    broken = len(pd.read_csv(tmp_path / "img_emb.set_aside.csv"))
    chance, aligned = (found.loc[("mixed", name)] for name in ("Chance", "fashion-lite"))
    test_rows = aligned["n_test"]
    assert 0 <= (sample_table[0]["split"] == "test").sum() - test_rows <= broken
    assert aligned["among"] == test_rows
    assert chance["text_to_image@1"] == pytest.approx(1 / test_rows, abs=1e-4)
    figures = [name for name in found if "@" in name or name == "zero_shot_category"]
    assert found[figures].min().min() >= 0 and found[figures].max().max() <= 1

    # The same weights, given by path as a stranger's would be: the same figures, beside the others.
    folder = tmp_path / "by-path"
    shutil.copytree(paths.model(presets.FASHION_LITE), folder)
    again = run("--clip", str(folder))
    assert {*models, "by-path"} == set(again.index.get_level_values("model"))
    own, given = (again.loc[("mixed", name), figures] for name in ("fashion-lite", "by-path"))
    assert (own - given).abs().max() < 0.1
