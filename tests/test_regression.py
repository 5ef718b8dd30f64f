"""The two price stages on a small table whose prices follow a known rule."""

import dataclasses
import json
import sys

import lightgbm
import numpy as np
import pandas as pd
import pytest
import torch

import regression_DL_SOTA
import regression_ML
from common import metrics
from common.artifacts import StageError
from common.dataset import Dataset
from common.prices import features, fit, networks, recipes, trees
from common.prices.conformal import COVERAGE, MEMBER_COVERAGE, ConformalMargins
from common.prices.features import PriceFeatures, PriceTask, feature_columns
from common.prices.model import PriceModel

# Networks this small are faster on one core, and do not fight over the others.
torch.set_num_threads(1)
CPU = torch.device("cpu")
ROWS = 400


def make_dataset(path) -> Dataset:
    """Prices of 5 to 60 USD: a brand's level, times what the image embedding shows."""
    draw = np.random.default_rng(7)
    brands = draw.choice(["Plain", "Good", "Fine"], ROWS)
    image, text = draw.normal(size=(ROWS, 24)), draw.normal(size=(ROWS, 12))
    level = pd.Series(brands).map({"Plain": 8, "Good": 16, "Fine": 32}).to_numpy()
    table = pd.DataFrame(
        {
            "product_key": [f"HNM:{row:07}" for row in range(ROWS)],
            "group": [f"HNM:{row:05}" for row in range(ROWS)],
            "dataset_source": draw.choice(["HNM", "FASHION"], ROWS),
            "price_usd": level * np.exp(0.3 * np.tanh(image[:, 0])),
            "split": np.repeat(["train", "validation", "test"], [260, 60, 80]),
            "brand": brands,
            "title": [f"{brand} thing" for brand in brands],
            "description": "",
        }
    )
    names = {*features.STUDY_COLUMNS, *features.LISTING_COLUMNS} - set(table)
    table = table.assign(**dict.fromkeys(sorted(names), "same"))
    table.to_csv(path, index=False)
    return Dataset(
        table, image.astype(np.float32), text.astype(np.float32), "clean", {"table": path}
    )


@pytest.fixture
def dataset(tmp_path):
    return make_dataset(tmp_path / "dataset_with_llm.csv")


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """The products as a task with listing features; not to be changed."""
    dataset = make_dataset(tmp_path_factory.mktemp("task") / "dataset_with_llm.csv")
    columns = feature_columns(dataset.table, "metadata + embedding", "listing")
    return PriceTask.build(dataset, columns)


@pytest.fixture(scope="module")
def ensemble(task):
    """A Price Ensemble fitted on the task; not to be changed."""
    return fit.fit_price("Price Ensemble", task, 0, CPU)


def few_epochs(monkeypatch, recipe: str, **changes):
    config = dataclasses.replace(getattr(recipes, recipe), **changes)
    monkeypatch.setattr(recipes, recipe, config)


@pytest.fixture
def run(dataset, tmp_path, monkeypatch):
    """Runs a stage's main() on the data set with a command line; returns its results table."""

    def run_stage(stage, *arguments):
        monkeypatch.setattr(features, "load", lambda run: dataset)
        line = [f"{stage.__name__}.py", "--data-dir", str(tmp_path), *arguments]
        monkeypatch.setattr(sys, "argv", line)
        stage.main()
        return pd.read_csv(tmp_path / "results" / f"{stage.__name__}.csv")

    return run_stage


def test_features_pool_what_is_rare_or_unseen_and_read_nothing_but_their_rows(dataset):
    dataset.table.loc[:2, "brand"] = "Rare"
    dataset.table.loc[300:, "brand"] = "Later"
    encoder = PriceFeatures.fit(dataset, np.arange(260), ["brand"])
    assert encoder.categories == {"brand": ["Fine", "Good", "Plain"]}
    assert encoder.names[-4:] == [f"brand = {v}" for v in ("Fine", "Good", "Plain", "other")]
    matrix = encoder.matrix(dataset.table, dataset.image, dataset.text)
    assert matrix.shape == (ROWS, len(encoder.names))
    assert matrix[[0, 300], -1].tolist() == [1, 1]
    assert (matrix[:, -4:].sum(axis=1) == 1).all()


def test_feature_sets_differ_in_what_only_a_listing_states(dataset):
    table = dataset.table.assign(cluster_dec="3")
    for experiment, columns in (
        ("metadata + embedding", list(features.STUDY_COLUMNS)),
        ("cluster + embedding", ["cluster_dec"]),
    ):
        assert feature_columns(table, experiment, "study") == columns
        listing = [*columns, *features.LISTING_COLUMNS, features.WORDS]
        assert feature_columns(table, experiment, "listing") == listing


def test_embeddings_of_another_preset_are_refused(dataset, task):
    with pytest.raises(StageError, match="use the preset it was trained with"):
        task.encoder.matrix(dataset.table, dataset.image[:, :5], dataset.text)


def test_advanced_mlp_is_the_study_s():
    network = networks.AdvancedMLP(inputs=100)
    kinds = [type(layer).__name__ for layer in network.body]
    assert kinds == ["Linear", "BatchNorm1d", "SiLU", "Dropout"] * 4
    assert [layer.out_features for layer in network.body[::4]] == [512, 256, 128, 64]
    assert [layer.p for layer in network.body[3::4]] == [0.3, 0.3, 0.2, 0.1]
    assert network(torch.zeros(7, 100)).shape == (7,)


@pytest.mark.parametrize("name", ["Advanced MLP", "Price Ensemble"])
def test_recipe_learns_and_the_kept_model_predicts_the_same(
    name, task, request, tmp_path, monkeypatch
):
    if name == "Price Ensemble":
        fitted = request.getfixturevalue("ensemble")
    else:
        few_epochs(monkeypatch, "STUDY", batch_size=32, epochs=60)
        fitted = fit.fit_price(name, task, 0, CPU)
    learned = set(task.train if name == "Advanced MLP" else task.learn)
    assert set(fitted.learned) == learned and not learned & set(task.test)
    assert fitted.history.epochs == len(fitted.history.train_loss)
    assert fit.score(fitted, task)["r2"] > 0.7

    path = tmp_path / "model.safetensors"
    fitted.model.save(path, recipe="any")
    again = PriceModel.load(path)
    listings = (values[task.test] for values in (task.dataset.image, task.dataset.text))
    usd = again.predict(task.dataset.table.iloc[task.test], *listings)
    np.testing.assert_allclose(usd, fitted.usd, rtol=1e-5, atol=1e-5)
    _, interval = again.predict_interval(task.matrix(task.test), CPU)
    assert (interval is None) == (name == "Advanced MLP")
    if interval:
        np.testing.assert_allclose(interval, fitted.interval, rtol=1e-5)

    config = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert config["recipe"] == "any"
    for change in ({"network": "KernelPrice"}, {"arguments": {"old": 1}}, {"encoder": {"old": 1}}):
        path.with_suffix(".json").write_text(json.dumps(config | change), "utf-8")
        with pytest.raises(StageError, match="another version: train the model again"):
            PriceModel.load(path)


def test_ensemble_prices_with_an_interval_and_without_what_a_listing_leaves_out(
    task, ensemble, monkeypatch
):
    (low, high), usd, table = ensemble.interval, ensemble.usd, task.dataset.table.iloc[task.test]
    assert (low <= usd).all() and (usd <= high).all()
    assert metrics.interval(table["price_usd"], low, high)["coverage"] > 0.8

    partial = table[["dataset_source", "brand"]].reset_index(drop=True)
    image, text = (values[task.test] for values in (task.dataset.image, task.dataset.text))
    without = ensemble.model.predict(partial, image, np.full_like(text, np.nan))
    assert np.isfinite(without).all() and np.corrcoef(without, usd)[0, 1] > 0.8
    assert abs(np.log(without / usd).mean()) < 0.1
    # Block by block, with a last block that is not full.
    monkeypatch.setattr(features, "BLOCK_ROWS", 7)
    np.testing.assert_allclose(ensemble.model.predict(table, image, text), usd, rtol=1e-5)


def test_margins_cover_what_they_are_calibrated_for_and_are_narrower_than_one_width():
    draw = np.random.default_rng(3)
    usd = np.exp(draw.normal(3, 0.8, 20_000))
    spread = 0.1 + 0.3 * (usd > 20)
    true = usd * np.exp(spread * draw.normal(size=len(usd)))
    ends = np.log(usd) - spread, np.log(usd) + spread  # too narrow: they cover two thirds
    seen, new = np.arange(10_000), np.arange(10_000, 20_000)
    margins = ConformalMargins.calibrate(true[seen], usd[seen], *(end[seen] for end in ends))
    low, high = margins.interval(usd[new], *(end[new] for end in ends))
    covered = (low <= true[new]) & (true[new] <= high)
    bands = np.searchsorted(margins.edges, usd[new])
    shares = [covered[bands == band].mean() for band in range(len(margins.edges) + 1)]
    assert shares == pytest.approx([MEMBER_COVERAGE] * 10, abs=0.04)
    half = margins.constant
    assert (np.abs(true - usd)[new] <= half).mean() == pytest.approx(COVERAGE, abs=0.01)
    assert np.median(high - low) < 0.75 * 2 * half


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_margins_of_a_forecast_that_knows_few_prices(levels):
    draw = np.random.default_rng(1)
    usd = np.array([10.0, 20, 60])[draw.integers(0, levels, 900)]
    true = usd * np.exp(0.2 * draw.normal(size=900))
    margins = ConformalMargins.calibrate(true, usd, np.log(usd), np.log(usd))
    low, high = margins.interval(usd, np.log(usd), np.log(usd))
    assert len(margins.below) == levels
    assert metrics.interval(true, low, high)["coverage"] == pytest.approx(0.86, abs=0.03)


def test_ranges_are_scored_by_group(dataset):
    table = dataset.table.assign(normalized_gender="Women", normalized_category="Dress")
    usd = table["price_usd"].to_numpy()
    groups = fit.score_groups(table, usd + 1, usd - 1, usd + 2)
    rows = {group["group"]: group for group in groups}
    assert set(rows) == {"all", "HNM", "FASHION", "Women", "Dress", *map(str, range(1, 11))}
    assert rows["all"]["n"] == ROWS == sum(rows[str(decile)]["n"] for decile in range(1, 11))
    assert rows["HNM"]["mae"] == pytest.approx(1) and rows["HNM"]["bias"] == pytest.approx(1)
    assert rows["1"]["coverage"] == 1 and rows["1"]["median_width"] == pytest.approx(3)


@pytest.mark.parametrize("rows", [20, 60, 320, 6623, 8279, 73_000])
def test_batches_are_as_good_as_equal(rows):
    size = recipes._batch_size(rows)
    assert size <= recipes.ENSEMBLE.batch_size
    assert rows % size == 0 or rows % size > size / 2
    assert -(-rows // size) >= min(13, -(-rows // 32))


def test_classical_stage_writes_a_row_per_model_and_goes_on(
    run, dataset, tmp_path, monkeypatch, capsys
):
    settings = {"n_estimators": 60, "learning_rate": 0.1}
    monkeypatch.setattr(fit, "TUNED", {"LightGBM": settings, "XGBoost": settings})
    table = run(regression_ML, "--experiment", "metadata", "--features", "listing")
    rows = table.set_index("model")
    models = ["Median by source", "LinearRegression", "Ridge", "kNN", "XGBoost", "LightGBM"]
    assert list(rows.index) == models
    assert (rows["n_train"] == 320).all() and (rows["n_test"] == 80).all()
    assert rows.loc["Median by source", "r2"] < 0.2 < 0.8 < rows.loc["LightGBM", "r2"]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8 and lines[1].endswith("baseline")
    (best,) = (line for line in lines if line.endswith("best"))
    assert rows["r2"].idxmax() in best
    figures = sorted(path.name for path in (tmp_path / "figures" / "regression_ML").iterdir())
    stem = "best_metadata-embedding_listing_grouped"
    assert figures == [f"{stem}_{name}.png" for name in ("importances", "parity", "residuals")]

    # The kept trees alone give the row's own figures.
    (booster,) = (tmp_path / "models" / "regression_ML").glob("*LightGBM*.txt")
    settings = json.loads(booster.with_suffix(".trees.json").read_text("utf-8"))
    tested = dataset.table.iloc[320:]
    encoder = PriceFeatures(**settings["encoder"])
    matrix = encoder.matrix(tested, dataset.image[320:], dataset.text[320:])
    usd = lightgbm.Booster(model_file=booster).predict(matrix)
    scores = metrics.regression(tested["price_usd"], usd, tested["dataset_source"])
    assert scores["mae"] == pytest.approx(rows.loc["LightGBM", "mae"], rel=1e-5)

    monkeypatch.setattr(fit, "fit_price", only_the_baseline(fit.fit_price))
    monkeypatch.setattr(fit, "PLAIN", {})
    monkeypatch.setattr(trees, "LIBRARIES", ())
    more = run(regression_ML, "--experiment", "metadata")
    assert len(more) == len(table) + 1  # the study's features: only the medians were missing
    pd.testing.assert_frame_equal(more.iloc[: len(table)], table)

    # Second-hand rows stay in the same file, and out of the table that is shown.
    path = tmp_path / "results" / "regression_ML.csv"
    resale = more.iloc[:1].assign(experiment="resale", features="", model="Stacked trees")
    pd.concat([more, resale]).to_csv(path, index=False)
    capsys.readouterr()
    assert len(run(regression_ML, "--experiment", "metadata")) == len(more) + 1
    shown = capsys.readouterr().out
    assert "Stacked trees" not in shown
    assert shown.count("Median by source") == 1


def only_the_baseline(fit_price):
    def fit_baseline(name, *arguments):
        assert name == fit.BASELINE
        return fit_price(name, *arguments)

    return fit_baseline


def test_neural_stage_writes_a_row_per_recipe_and_seed(run, tmp_path, monkeypatch, capsys):
    few_epochs(monkeypatch, "ENSEMBLE", epochs=3, lr=1e-3, schedule="none")
    arguments = ("--experiment", "metadata", "--features", "study", "--seed", "0", "1")
    table = run(regression_DL_SOTA, *arguments)
    assert list(table["seed"]) == [0, 1] and (table["epochs"] == 3).all()
    assert table["r2"].nunique() == 2
    assert set(table["model"]) == {"Price Ensemble"}
    groups = pd.read_csv(tmp_path / "results" / "price_groups.csv")
    assert set(groups["method"]) == {"constant width", "Price Ensemble"}
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("baseline") and lines[2].endswith("best") and len(lines) == 5
    figures = sorted(path.stem for path in (tmp_path / "figures" / "regression_DL_SOTA").iterdir())
    stem = "ensemble_metadata-embedding_study_grouped"
    shown = ("learning", "parity", "ranges", "residuals")
    assert figures == [f"{stem}_{name}" for name in shown]
    models = sorted(path.suffix for path in (tmp_path / "models" / "regression_DL_SOTA").iterdir())
    assert models == [".json", ".json", ".safetensors", ".safetensors"]


@pytest.mark.parametrize("stage", [regression_ML, regression_DL_SOTA])
def test_missing_clusters_name_the_stage_that_makes_them(run, stage):
    with pytest.raises(StageError, match=r"clusters\.csv is missing.*clustering_DEC\.py"):
        run(stage)


def test_clusters_of_other_products_are_refused(run, dataset, tmp_path):
    keys = dataset.table["product_key"]
    pd.DataFrame({"product_key": keys[:-3], "dec": 1}).to_csv(tmp_path / "clusters.csv")
    with pytest.raises(StageError, match="lacks 3 of these 400"):
        run(regression_ML)


def test_clusters_join_by_key_as_categories(run, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "PLAIN", {})
    monkeypatch.setattr(trees, "LIBRARIES", ())
    keys = dataset.table["product_key"]
    clusters = pd.DataFrame({"product_key": keys, "dec": np.arange(ROWS) % 4})
    clusters.iloc[::-1].to_csv(tmp_path / "clusters.csv", index=False)
    run(regression_ML, "--experiment", "cluster")
    assert list(dataset.table["cluster_dec"][:5]) == ["0", "1", "2", "3", "0"]


def test_a_table_too_large_for_memory_is_learned_from_block_by_block(task, ensemble, monkeypatch):
    monkeypatch.setattr(features, "BLOCK_ROWS", 150)
    columns = feature_columns(task.dataset.table, "metadata + embedding", "listing")
    large = PriceTask.build(task.dataset, columns)
    assert large.whole is None
    blockwise = fit.fit_price("Price Ensemble", large, 0, CPU)
    np.testing.assert_allclose(blockwise.model.mean, ensemble.model.mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(blockwise.model.scale, ensemble.model.scale, rtol=1e-5)
    # The sign of a component is anybody's guess, and a network begins at random.
    assert np.median(np.abs(np.log(blockwise.usd / ensemble.usd))) < 0.05
