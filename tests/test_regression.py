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
from common import dataset as data
from common import metrics
from common.artifacts import StageError
from common.prices import conformal as price_range
from common.prices import features as pricing
from common.prices import model as price_model
from common.prices import networks
from common.prices import recipes as price_recipes
from common.prices import trees as price_trees
from common.prices.model import PriceModel

# Networks this small are faster on one core, and do not fight over the others.
torch.set_num_threads(1)
CPU = torch.device("cpu")
ROWS = 400


def make_dataset(path) -> data.Dataset:
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
    names = {*pricing.STUDY_COLUMNS, *pricing.LISTING_COLUMNS} - set(table)
    table = table.assign(**dict.fromkeys(sorted(names), "same"))
    table.to_csv(path, index=False)
    return data.Dataset(
        table, image.astype(np.float32), text.astype(np.float32), "clean", {"table": path}
    )


@pytest.fixture
def dataset(tmp_path):
    return make_dataset(tmp_path / "dataset_with_llm.csv")


@pytest.fixture
def encoded(dataset):
    names = pricing.columns(dataset.table, "metadata + embedding", "listing")
    train, validation, test = data.sides(dataset.table)
    encoder = pricing.PriceFeatures.fit(dataset, train, names)
    matrix = encoder.matrix(dataset.table, dataset.image, dataset.text)
    return encoder, matrix, dataset.table, train, validation, test


@pytest.fixture
def run(dataset, tmp_path, monkeypatch):
    """Runs a stage's main() on the data set with a command line; returns its results table."""

    def run_stage(stage, *arguments):
        monkeypatch.setattr(data, "load", lambda args: dataset)
        line = [f"{stage.__name__}.py", "--data-dir", str(tmp_path), *arguments]
        monkeypatch.setattr(sys, "argv", line)
        stage.main()
        return pd.read_csv(tmp_path / "results" / f"{stage.__name__}.csv")

    return run_stage


def test_encoder_pools_what_is_rare_or_unseen_and_reads_nothing_but_its_rows(dataset):
    dataset.table.loc[:2, "brand"] = "Rare"
    dataset.table.loc[300:, "brand"] = "Later"
    encoder = pricing.PriceFeatures.fit(dataset, np.arange(260), ["brand"])
    assert encoder.categories == {"brand": ["Fine", "Good", "Plain"]}
    assert encoder.names[-4:] == [f"brand = {v}" for v in ("Fine", "Good", "Plain", "other")]
    matrix = encoder.matrix(dataset.table, dataset.image, dataset.text)
    assert matrix.shape == (ROWS, len(encoder.names))
    assert matrix[[0, 300], -1].tolist() == [1, 1]
    assert (matrix[:, -4:].sum(axis=1) == 1).all()


def test_feature_sets_differ_in_what_only_a_listing_states(dataset):
    table = dataset.table.assign(cluster_dec="3")
    for experiment, own in (
        ("metadata + embedding", list(pricing.STUDY_COLUMNS)),
        ("cluster + embedding", ["cluster_dec"]),
    ):
        assert pricing.columns(table, experiment, "study") == own
        listing = [*own, *pricing.LISTING_COLUMNS, pricing.WORDS]
        assert pricing.columns(table, experiment, "listing") == listing


def test_embeddings_of_another_preset_are_refused(dataset, encoded):
    with pytest.raises(StageError, match="use the preset it was trained with"):
        encoded[0].matrix(dataset.table, dataset.image[:, :5], dataset.text)


def test_advanced_mlp_is_the_study_s():
    network = networks.AdvancedMLP(inputs=100)
    kinds = [type(layer).__name__ for layer in network.body]
    assert kinds == ["Linear", "BatchNorm1d", "SiLU", "Dropout"] * 4
    assert [layer.out_features for layer in network.body[::4]] == [512, 256, 128, 64]
    assert [layer.p for layer in network.body[3::4]] == [0.3, 0.3, 0.2, 0.1]
    assert network(torch.zeros(7, 100)).shape == (7,)


@pytest.mark.parametrize("recipe", ["study", "ensemble"])
def test_recipe_learns_and_the_kept_model_predicts_the_same(
    recipe, dataset, encoded, tmp_path, monkeypatch
):
    few_rows = dataclasses.replace(price_recipes.STUDY, batch_size=32, epochs=60)
    monkeypatch.setattr(price_recipes, "STUDY", few_rows)
    encoder, matrix, table, train, validation, test = encoded
    usd = table["price_usd"].to_numpy()
    torch.manual_seed(0)
    model, history, learned = price_recipes.RECIPES[recipe](
        encoder, matrix, table, train, validation, 0, CPU
    )
    assert set(learned) >= set(train) and not set(learned) & set(test)
    assert history.epochs == len(history.train_loss)
    predicted = model.predict_matrix(matrix[test], CPU)
    r2 = metrics.regression(usd[test], predicted, dataset.table["dataset_source"].iloc[test])["r2"]
    assert r2 > 0.7

    path = tmp_path / "model.safetensors"
    model.save(path, recipe=recipe)
    reloaded = PriceModel.load(path)
    again = reloaded.predict(dataset.table.iloc[test], dataset.image[test], dataset.text[test])
    np.testing.assert_allclose(again, predicted, rtol=1e-5, atol=1e-5)
    assert json.loads(path.with_suffix(".json").read_text("utf-8"))["recipe"] == recipe
    if recipe == "study":
        with pytest.raises(StageError, match="knows no range"):
            reloaded.range_matrix(matrix[test], CPU)
    else:
        for kept, made in zip(
            reloaded.range_matrix(matrix[test], CPU),
            model.range_matrix(matrix[test], CPU),
            strict=True,
        ):
            np.testing.assert_allclose(kept, made, rtol=1e-5)


def test_our_price_comes_with_a_range_and_without_what_a_listing_leaves_out(dataset, encoded):
    encoder, matrix, table, train, validation, test = encoded
    torch.manual_seed(0)
    model, _, _ = price_recipes.fit_ensemble(encoder, matrix, table, train, validation, 0, CPU)
    usd, low, high = model.range_matrix(matrix[test], CPU)
    assert (low <= usd).all() and (usd <= high).all()
    assert metrics.interval(table["price_usd"].iloc[test], low, high)["coverage"] > 0.8

    some = table.iloc[test][["dataset_source", "brand"]].reset_index(drop=True)
    nothing = np.full((len(test), dataset.text.shape[1]), np.nan, np.float32)
    without = model.predict(some, dataset.image[test], nothing)
    assert np.isfinite(without).all() and np.corrcoef(without, usd)[0, 1] > 0.8
    assert abs(np.log(without / usd).mean()) < 0.1
    # Block by block, with a last block that is not full.
    listing = table.iloc[test], dataset.image[test], dataset.text[test]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(price_model, "PREDICT_BLOCK", 7)
        in_blocks = model.predict_range(*listing)
        np.testing.assert_allclose(model.predict(*listing), usd, rtol=1e-5)
    for made, whole in zip(in_blocks, (usd, low, high), strict=True):
        np.testing.assert_allclose(made, whole, rtol=1e-5)


def test_margins_cover_what_they_are_calibrated_for_and_are_narrower_than_one_width():
    draw = np.random.default_rng(3)
    usd = np.exp(draw.normal(3, 0.8, 20_000))
    spread = 0.1 + 0.3 * (usd > 20)
    true = usd * np.exp(spread * draw.normal(size=len(usd)))
    ends = np.log(usd) - spread, np.log(usd) + spread  # too narrow: they cover two thirds
    seen, new = np.arange(10_000), np.arange(10_000, 20_000)
    margins = price_range.ConformalMargins.calibrate(
        true[seen], usd[seen], *(end[seen] for end in ends)
    )
    low, high = margins.interval(usd[new], *(end[new] for end in ends))
    covered = (low <= true[new]) & (true[new] <= high)
    bands = np.searchsorted(margins.edges, usd[new])
    shares = [covered[bands == band].mean() for band in range(len(margins.edges) + 1)]
    assert shares == pytest.approx([price_range.MEMBER_COVERAGE] * 10, abs=0.04)
    half = price_range.constant_width(true[seen], usd[seen])
    assert (np.abs(true - usd)[new] <= half).mean() == pytest.approx(0.9, abs=0.01)
    assert np.median(high - low) < 0.75 * 2 * half


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_margins_of_a_forecast_that_knows_few_prices(levels):
    draw = np.random.default_rng(1)
    usd = np.array([10.0, 20, 60])[draw.integers(0, levels, 900)]
    true = usd * np.exp(0.2 * draw.normal(size=900))
    margins = price_range.ConformalMargins.calibrate(true, usd, np.log(usd), np.log(usd))
    low, high = margins.interval(usd, np.log(usd), np.log(usd))
    assert len(margins.below) == levels
    assert metrics.interval(true, low, high)["coverage"] == pytest.approx(0.86, abs=0.03)


def test_ranges_are_scored_by_group(dataset):
    table = dataset.table.assign(normalized_gender="Women", normalized_category="Dress")
    usd = table["price_usd"].to_numpy()
    rows = {one["group"]: one for one in price_range.by_group(table, usd + 1, usd - 1, usd + 2)}
    assert set(rows) == {"all", "HNM", "FASHION", "Women", "Dress", *map(str, range(1, 11))}
    assert rows["all"]["n"] == ROWS == sum(rows[str(decile)]["n"] for decile in range(1, 11))
    assert rows["HNM"]["mae"] == pytest.approx(1) and rows["HNM"]["bias"] == pytest.approx(1)
    assert rows["1"]["coverage"] == 1 and rows["1"]["median_width"] == pytest.approx(3)


@pytest.mark.parametrize("rows", [20, 60, 320, 6623, 8279, 73_000])
def test_batches_are_as_good_as_equal(rows):
    size = price_recipes._batch_size(rows)
    assert size <= price_recipes.ENSEMBLE.batch_size
    assert rows % size == 0 or rows % size > size / 2
    assert -(-rows // size) >= min(13, -(-rows // 32))


def test_classical_stage_writes_a_row_per_model_and_goes_on(run, dataset, tmp_path, monkeypatch):
    few = {"n_estimators": 60, "learning_rate": 0.1}
    monkeypatch.setattr(price_trees, "TUNED", {"LightGBM": few, "XGBoost": few})
    table = run(regression_ML, "--experiment", "metadata", "--features", "listing")
    rows = table.set_index("model")
    assert list(rows.index) == [
        "Median by source", "LinearRegression", "Ridge", "kNN", "XGBoost", "LightGBM",
    ]  # fmt: skip
    assert (rows["n_train"] == 320).all() and (rows["n_test"] == 80).all()
    assert rows.loc["Median by source", "r2"] < 0.2 < 0.8 < rows.loc["LightGBM", "r2"]
    for figure in ("parity", "residuals", "importances"):
        assert list((tmp_path / "figures").glob(f"regression_ML_LightGBM_*_{figure}.png"))

    # The kept trees alone give the row's own figures.
    (kept,) = (tmp_path / "models" / "regression_ML").glob("*LightGBM*.txt")
    known = json.loads(kept.with_suffix(".encoder.json").read_text("utf-8"))
    test = data.sides(dataset.table)[2]
    matrix = pricing.PriceFeatures(**known).matrix(dataset.table, dataset.image, dataset.text)[test]
    again = lightgbm.Booster(model_file=kept).predict(matrix)
    truth = dataset.table.iloc[test]
    scored = metrics.regression(truth["price_usd"], again, truth["dataset_source"])
    assert scored["mae"] == pytest.approx(rows.loc["LightGBM", "mae"], rel=1e-5)

    monkeypatch.setattr(regression_ML, "models", lambda *given: {})
    more = run(regression_ML, "--experiment", "metadata")
    assert len(more) == len(table) + 1  # the study's features: only the medians were missing
    pd.testing.assert_frame_equal(more.iloc[: len(table)], table)


def test_neural_stage_writes_a_row_per_recipe_and_seed(run, tmp_path, monkeypatch):
    monkeypatch.setattr(price_recipes, "ENSEMBLE", price_recipes.TrainConfig(3, 64, 1e-3))
    table = run(
        regression_DL_SOTA,
        *("--experiment", "metadata", "--features", "study", "--seed", "0", "1"),
    )
    assert list(table["seed"]) == [0, 1] and (table["epochs"] == 3).all()
    assert table["r2"].nunique() == 2
    groups = pd.read_csv(tmp_path / "results" / "price_groups.csv")
    assert set(groups["method"]) == {"constant width", "Price Ensemble"}
    assert list((tmp_path / "figures").glob("*_ranges.png"))
    kept = sorted(path.suffix for path in (tmp_path / "models" / "regression_DL_SOTA").iterdir())
    assert kept == [".json", ".json", ".safetensors", ".safetensors"]


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
    monkeypatch.setattr(regression_ML, "models", lambda *given: {})
    keys = dataset.table["product_key"]
    clusters = pd.DataFrame({"product_key": keys, "dec": np.arange(ROWS) % 4})
    clusters.iloc[::-1].to_csv(tmp_path / "clusters.csv", index=False)
    run(regression_ML, "--experiment", "cluster")
    assert list(dataset.table["cluster_dec"][:5]) == ["0", "1", "2", "3", "0"]


def test_a_table_too_large_for_memory_is_learned_from_block_by_block(dataset, encoded):
    encoder, matrix, table, train, validation, test = encoded
    found = []
    for block in (price_model.PREDICT_BLOCK, 150):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(price_model, "PREDICT_BLOCK", block)
            rows = price_model.matrix_of(encoder, dataset)
            assert isinstance(rows, np.ndarray) == (block > ROWS)
            torch.manual_seed(0)
            model, _, _ = price_recipes.fit_ensemble(
                encoder, rows, table, train, validation, 0, CPU
            )
            found.append((model.mean, model.scale, model.predict_matrix(matrix[test], CPU)))
    whole, parts = found
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(parts[1], whole[1], rtol=1e-5)
    # The sign of a component is anybody's guess, and a network begins at random.
    assert np.median(np.abs(np.log(parts[2] / whole[2]))) < 0.05
