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
    found, value = tuning.search("parabola", objective, 20, path)
    assert len(tried) == 21  # the interrupted one is tried anew
    assert abs(found["x"] - 1) < 0.5 and value == pytest.approx((found["x"] - 1) ** 2)
    tuning.search("parabola", objective, 20, path)
    assert len(tried) == 21
    tuning.search("another", objective, 1, path)
    assert len(tried) == 22
