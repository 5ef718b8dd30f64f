"""A search for settings goes on where it stopped."""

import pytest

from common import tuning


def test_a_search_is_gone_on_with_and_never_repeats_a_trial(tmp_path):
    tried = []

    def objective(trial):
        x = trial.suggest_float("x", -4, 4)
        tried.append(x)
        if len(tried) == 6:
            raise KeyboardInterrupt
        return (x - 1) ** 2

    path = tmp_path / "tuning" / "parabola.jsonl"
    with pytest.raises(KeyboardInterrupt):
        tuning.search("parabola", objective, 20, path)
    trials = tuning.search("parabola", objective, 20, path)
    best = min(trials, key=lambda trial: trial["value"])
    assert len(tried) == 21  # the interrupted one is tried anew
    assert len(trials) == 20 and best["value"] == pytest.approx((best["x"] - 1) ** 2)
    assert abs(best["x"] - 1) < 0.5
    tuning.search("parabola", objective, 20, path)
    assert len(tried) == 21
    tuning.search("another", objective, 1, path)
    assert len(tried) == 22
