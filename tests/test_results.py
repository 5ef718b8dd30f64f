"""Results tables: resumable, and summed up in a small aligned leaderboard."""

import numpy as np
import pandas as pd
import pytest

from common import cli
from common.artifacts import Paths, RunConfig, StageError
from common.results import Results, aligned, leaderboard


@pytest.fixture
def table(tmp_path):
    """Opens the results table of a stage; parameters replace those of its run."""
    source = tmp_path / "in.csv"
    source.write_text("1")

    def open_table(settings=None, **flags):
        run = RunConfig(Paths(tmp_path), **flags)
        path = run.paths.results("regression_ML")
        return Results(path, run, {"in": source}, ("model", "seed"), settings)

    return open_table


def test_a_table_is_gone_on_with(table, capsys):
    first = table()
    first.add(model="ridge", seed=0, r2=np.float32(0.5))
    first.add(model="ridge", seed=0, r2=0.75)  # the same key replaces
    second = table()
    assert second.done(model="ridge", seed=0)
    assert not second.done(model="ridge", seed=1)
    assert second.frame["r2"].tolist() == [0.75]
    assert capsys.readouterr().out == ""  # rows are shown by --verbose only


@pytest.mark.parametrize("flags", [{"limit": 5}, {"preset": "study"}, {"settings": {"depth": 3}}])
def test_other_settings_start_the_table_anew(table, flags, capsys):
    table().add(model="ridge", seed=0, r2=0.5)
    assert not table(**flags).done(model="ridge", seed=0)
    assert "starts anew (made from other inputs or settings)" in capsys.readouterr().out


def test_other_inputs_and_force_start_the_table_anew(table, tmp_path):
    table().add(model="ridge", seed=0, r2=0.5)
    assert not table(force=True).done(model="ridge", seed=0)
    (tmp_path / "in.csv").write_text("2")
    assert not table().done(model="ridge", seed=0)


def test_a_stage_ends_with_its_table_and_where_the_rest_lies(table, tmp_path, capsys):
    results = table()
    with pytest.raises(StageError, match="nothing was computed"):
        results.finish()
    results.add(model="ridge", seed=0, r2=0.5)
    results.finish("model  r2")
    path = tmp_path / "results" / "regression_ML.csv"
    assert capsys.readouterr().out == f"model  r2\n1 rows in {path}\n"
    figures = tmp_path / "figures" / "regression_ML"
    figures.mkdir(parents=True)
    results.finish()
    assert capsys.readouterr().out == f"1 rows in {path}; figures in {figures}\n"


def test_verbose_shows_every_row(table, caplog):
    cli.parse(cli.parser(None), ["--verbose"])
    table().add(model="ridge", seed=0, r2=0.5, note="")
    cli.parse(cli.parser(None), [])
    table().add(model="ridge", seed=1, r2=0.5)
    assert caplog.messages == ["model=ridge  seed=0  r2=0.5"]


ROWS = pd.DataFrame(
    [
        ("mixed", "Mean", 0, 9.0, 0.0),
        ("mixed", "Ridge", 0, 4.0, 0.25),
        ("mixed", "Ridge", 1, 6.0, 0.75),
        ("mixed", "XGBoost", 0, 5.5, 0.9),
        ("across", "Mean", 0, 1.0, np.nan),
        ("across", "Ridge", 0, 1234.5, np.nan),
    ],
    columns=["experiment", "model", "seed", "mae", "r2"],
)
COLUMNS = {"mae": ("MAE, USD", "{:,.2f}"), "r2": ("R2", "{:.2f}")}


def test_leaderboard_averages_seeds_and_marks_the_best_of_each_group():
    board = leaderboard(ROWS, ["experiment", "model"], COLUMNS, "mae", True, baseline="Mean")
    assert board.splitlines() == [
        "experiment  model    MAE, USD    R2",
        "mixed       Mean         9.00  0.00  baseline",
        "mixed       Ridge        5.00  0.50  best",
        "mixed       XGBoost      5.50  0.90",
        "across      Mean         1.00        baseline",
        "across      Ridge    1,234.50        best",
    ]


def test_leaderboard_without_groups_and_by_the_highest_value():
    board = leaderboard(ROWS, ["model"], {"r2": COLUMNS["r2"]}, "r2")
    assert [line.split() for line in board.splitlines()] == [
        ["model", "R2"],
        ["Mean", "0.00"],
        ["Ridge", "0.50"],
        ["XGBoost", "0.90", "best"],
    ]
    # A score that nobody has makes nobody the best.
    across = ROWS[ROWS["experiment"] == "across"]
    assert "best" not in leaderboard(across, ["model"], COLUMNS, "r2")


def test_aligned():
    rows = [["", "rows"], ["H&M", "1,200"], ["Fashion", "7"]]
    assert aligned(rows) == "          rows\nH&M      1,200\nFashion      7"
