"""The search for the classifiers' settings: what is judged, kept, gone on with."""

import sys

import numpy as np
import optuna
import pandas as pd
import pytest

import Classification_ML
import Classification_with_CLIP
from common import dataset, runtime
from common.labels import classical, cnn
from common.labels import clip_fusion as fusion
from common.labels import tuning as label_tuning
from common.labels.protocol import Split


@pytest.fixture
def tuned(planted, tmp_path, monkeypatch):
    """Runs a stage's search on made-up products; returns its table of trials."""

    def run(stage, trials, *more):
        monkeypatch.setattr(dataset, "load", lambda args: planted)
        command = [f"{stage.STAGE}.py", "--data-dir", str(tmp_path), "--tune", str(trials), *more]
        monkeypatch.setattr(sys, "argv", command)
        stage.main()
        return pd.read_csv(tmp_path / "results" / f"{stage.STAGE}_tuning.csv")

    return run


def test_the_settings_in_use_come_first_and_a_search_goes_on(tuned, monkeypatch):
    table = tuned(Classification_with_CLIP, 2)
    assert table["trial"].tolist() == [0, 1] and set(table["model"]) == {"CLIP Fusion"}
    first = table.iloc[0]
    for name, value in fusion.IN_USE.items():
        assert first[name] == (value if name == "widths" else pytest.approx(value))
    # Half of the value is that of listings without photo or text, which lack what it tells.
    assert first["value"] > first["validation_log_loss"] > 0
    longer = tuned(Classification_with_CLIP, 3)
    pd.testing.assert_frame_equal(longer.head(2), table)
    monkeypatch.setattr(label_tuning, "train", None)  # nothing more may be trained
    assert len(tuned(Classification_with_CLIP, 3)) == 3


def test_both_boosted_trees_are_searched(tuned, monkeypatch):
    monkeypatch.setattr(runtime, "cpu_count", lambda: 1)
    for settings in classical.BOOSTED.values():
        monkeypatch.setitem(settings, "n_estimators", 50)
    table = tuned(Classification_ML, 1)
    assert table["model"].tolist() == ["XGBoost", "LightGBM"]
    assert (table["validation_accuracy"] > 0.6).all() and (table["validation_log_loss"] > 0).all()


def test_what_is_in_use_lies_where_is_searched():
    for name, in_use in classical.BOOSTED.items():
        assert classical.suggest(optuna.trial.FixedTrial(in_use), name) == in_use
    assert fusion.suggest(optuna.trial.FixedTrial(fusion.IN_USE)) == (
        fusion.NETWORK,
        fusion.config(**fusion.TRAINING),
    )
    assert cnn.suggest(optuna.trial.FixedTrial(cnn.IN_USE)) == (cnn.HEAD, cnn.FROZEN)


def test_the_value_is_the_mean_log_loss_at_the_best_temperature():
    y = np.array([0] * 3 + [1])
    split = Split("mixed", 0, y, np.arange(4), y, {"one": (y, ["a", "b"])})
    trial = optuna.trial.FixedTrial({})
    # Whatever its sharpness, this names class a with the share that class a has.
    logits = np.tile([9.0, 0.0], (4, 1))
    value = label_tuning.judge(trial, split, {"one": logits})
    assert value == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)), abs=0.02)
    assert trial.user_attrs["validation_accuracy"] == 0.75


def test_the_studys_criterion_has_no_probabilities_to_judge(tuned):
    with pytest.raises(label_tuning.StageError, match="leave out --criterion"):
        tuned(Classification_with_CLIP, 1, "--criterion", "study")
