"""What a price's accuracy comes from: leak, target, inputs, numbers of products, attributes."""

import sys

import numpy as np
import pandas as pd
import pytest
import torch
from test_regression import make_dataset

from common import cli, dataset
from common.artifacts import StageError
from common.embed import embeddings
from common.merge import leakage, splits
from common.merge.table import _hnm
from common.prices import fit, recipes
from common.prices.features import PriceTask
from common.prices.trees import MAX_ROUNDS, READS, Trees, search
from experiments import price_ablation, price_leak, price_targets

torch.set_num_threads(1)
QUICK = recipes.TrainConfig(3, 64, 3e-3, schedule="onecycle")
FEW = {"n_estimators": 60, "learning_rate": 0.1}


@pytest.fixture
def products(tmp_path, monkeypatch):
    """400 products whose brand and picture make the price, and quick models to learn it."""
    monkeypatch.setattr(recipes, "ENSEMBLE", QUICK)
    monkeypatch.setattr(fit, "TUNED", {"LightGBM": FEW, "XGBoost": FEW})
    products = make_dataset(tmp_path / "dataset_with_llm.csv")
    brands = enumerate(products.table["brand"])
    products.table["title"] = [f"{brand} shirt {number}" for number, brand in brands]
    products.table["description"] = "cotton"
    return products


def command(module, tmp_path, monkeypatch, *more):
    monkeypatch.setattr(sys, "argv", ["python", "--data-dir", str(tmp_path), *more])
    module.main()


@pytest.mark.parametrize("library", ["LightGBM", "XGBoost"])
@pytest.mark.parametrize("reads", READS)
@pytest.mark.parametrize("target", ["usd", "log"])
def test_trees_read_embeddings_in_three_ways_and_learn_either_target(
    products, library, reads, target
):
    settings = {**FEW, "reads": reads, "target": target}
    usd = products.table["price_usd"].to_numpy()
    brand = pd.get_dummies(products.table["brand"]).to_numpy(np.float32)
    matrix = np.hstack([products.image, products.text, brand])
    trees = Trees(library, settings, (24, 12)).fit(matrix[:320], usd[:320])
    predicted = trees.predict(matrix[320:])
    assert 1 - np.mean((predicted - usd[320:]) ** 2) / usd[320:].var() > 0.7
    widths = [axes.shape[1] for axes in trees.projections] or [24, 12]
    assert sum(widths) + 3 == trees.model.n_features_in_


@pytest.mark.parametrize("reads", READS)
def test_trees_learn_from_fewer_products_than_components(products, reads):
    matrix = np.hstack([products.image, products.text])[:20]
    trees = Trees("LightGBM", {**FEW, "reads": reads}, (24, 12))
    assert np.isfinite(trees.fit(matrix, np.arange(1.0, 21)).predict(matrix)).all()


def test_a_search_stops_on_validation_rows_and_goes_on(products, tmp_path):
    sides = np.arange(260), np.arange(0), np.arange(260, 320)
    task = PriceTask.build(products, [], sides)
    path = tmp_path / "tuning" / "trees.jsonl"
    first = search("LightGBM", task, 2, path, "a")
    again = search("LightGBM", task, 3, path, "a")
    assert len(first) == 2 and again[:2] == first and len(again) == 3
    assert {trial["reads"] for trial in again} <= set(READS)
    assert all(1 <= trial["rounds"] <= MAX_ROUNDS for trial in again)


def test_ablation_curve_and_effects_say_where_a_price_comes_from(products, tmp_path, monkeypatch):
    products.table["cluster_dec"] = "1"
    monkeypatch.setattr(price_ablation.features, "load_products", lambda run, clusters: products)
    monkeypatch.setattr(price_ablation, "SIZES", (100, 200))
    monkeypatch.setattr(price_ablation, "MIN_EFFECT_ROWS", 5)
    inputs = {"all": price_ablation.KINDS, "metadata alone": ("metadata",)}
    inputs |= {"clusters alone": ("clusters",), "all but metadata": ("photo", "clusters")}
    monkeypatch.setattr(price_ablation, "INPUTS", inputs)
    command(price_ablation, tmp_path, monkeypatch, "--seed", "0")
    found = {
        name: pd.read_csv(tmp_path / "results" / f"price_{name}.csv")
        for name in ("ablation", "learning_curve", "effects")
    }
    r2 = found["ablation"].groupby("inputs")["r2"].mean()
    assert len(r2) == 4 and r2["clusters alone"] < 0.2 < r2["metadata alone"]
    assert r2["all but metadata"] < r2["all"]
    assert set(found["learning_curve"]["learning_products"]) == {100, 200, 320}
    assert set(found["learning_curve"]["model"]) == set(price_ablation.CURVE_MODELS)

    effects = found["effects"].set_index(["source", "attribute", "value"])["effect"]
    for source in ("HNM", "FASHION"):
        strength = effects.xs(source)[lambda one: one.index.get_level_values("value").isna()]
        assert strength.idxmax()[0] == "brand"
        # The rule: 8, 16 and 32 USD, so twice and half of the middle one.
        assert effects[source, "brand", "Fine"] > 0.5 > -0.3 > effects[source, "brand", "Plain"]
    for figure in ("inputs", "learning_curve", "effects"):
        path = tmp_path / "figures" / "price_ablation" / f"{figure}.png"
        assert path.stat().st_size > 10_000

    before = (tmp_path / "results" / "price_ablation.csv").read_bytes()
    monkeypatch.setattr(price_ablation, "fit_price", None)  # everything is there
    command(price_ablation, tmp_path, monkeypatch, "--seed", "0")
    assert (tmp_path / "results" / "price_ablation.csv").read_bytes() == before


def leaky_products(products, monkeypatch):
    """Products of which the study's text states the price and the random split shares groups."""
    table = products.table
    table["product_key"] = table["product_key"].str.replace("HNM", "FASHION")
    table["dataset_source"] = "FASHION"
    inr = (table["price_usd"] / leakage.INR_TO_USD).round().to_numpy()
    table["price_usd"] = inr * leakage.INR_TO_USD
    fields = pd.Series([f" price: {one:.0f}" for one in inr], index=table["product_key"])
    table.to_csv(products.inputs["table"], index=False)
    products.image /= np.linalg.norm(products.image, axis=1, keepdims=True)
    products.text /= np.linalg.norm(products.text, axis=1, keepdims=True)
    folder = products.inputs["table"].parent
    files = [folder / "image.npy", folder / "text.npy"]
    np.save(files[0], products.image)
    np.save(files[1], products.text)

    def load_products(run, clusters):
        split_of = table["split"] if run.split == "grouped" else splits.random_split(table)
        return dataset.Dataset(table.assign(split=split_of), products.image, products.text, "clean")

    monkeypatch.setattr(price_leak, "study_fields", lambda folder: fields)
    monkeypatch.setattr(embeddings, "ensure", lambda run, table: files)
    monkeypatch.setattr(price_leak, "load_products", load_products)
    monkeypatch.setattr(recipes, "STUDY", recipes.TrainConfig(3, 64, 1e-3, optimizer="adam"))
    return table


def test_the_leak_is_measured_under_four_conditions(products, tmp_path, monkeypatch):
    table = leaky_products(products, monkeypatch)
    # Shirts of ten prices, so that a price's number is a word that is seen again.
    rank = pd.qcut(table["price_usd"], 10, labels=False)
    inr = (600 + 170 * rank).to_numpy()
    table["price_usd"] = inr * leakage.INR_TO_USD
    stated = pd.Series([f" price: {one}" for one in inr], index=table["product_key"])
    monkeypatch.setattr(price_leak, "study_fields", lambda folder: stated)
    table["title"] = "shirt"
    table.to_csv(products.inputs["table"], index=False)
    command(price_leak, tmp_path, monkeypatch)
    found = pd.read_csv(tmp_path / "results" / "price_leak.csv")
    assert len(found) == 4 * 5
    words = found[(found["reads_as"] == "words") & (found["model"] == "Ridge")]
    r2 = words.set_index(["text", "split"])["r2"]
    # Clean text says "shirt" of all; the study's holds the price.
    assert r2["clean", "grouped"] < 0.1 < 0.9 < r2["study", "grouped"]
    audit = pd.read_csv(tmp_path / "results" / "price_leak_audit.csv")
    audit = audit.set_index(["text", "split"])
    assert audit.loc[("clean", "grouped"), "own_price"] == 0
    assert audit.loc[("study", "grouped"), "own_price"] == len(table)


@pytest.mark.parametrize("planted", ["own price", "product on two sides", "twins"])
def test_a_leak_in_the_honest_setting_stops_the_measurement(
    products, tmp_path, monkeypatch, planted
):
    table = leaky_products(products, monkeypatch)
    if planted == "own price":
        table.loc[5, "description"] += f" {table.loc[5, 'price_usd'] / leakage.EUR_TO_USD:.2f} EUR"
        wanted = "texts give a price away"
    elif planted == "twins":
        for rows in (products.image, products.text):
            rows[390:] = rows[:10]
        wanted = "10 of 80 test products have a near twin"
    else:
        table.loc[399, "group"] = table.loc[0, "group"]
        wanted = "1 groups lie on more than one side"
    with pytest.raises(StageError, match=wanted):
        command(price_leak, tmp_path, monkeypatch)
    assert not (tmp_path / "results" / "price_leak.csv").exists()


def test_statistics_of_sales_are_compared_on_the_same_products(
    products, sample_raw, tmp_path, monkeypatch
):
    args = cli.parse(cli.parser(""), ["--data-dir", str(tmp_path), "--raw-dir", str(sample_raw)])
    run = cli.run_config(args)
    known = price_targets.article_usd(run.paths.hnm_raw)["product_key"].unique()
    own = np.arange(len(products.table) - len(known), len(products.table))  # test rows too
    products.table["dataset_source"] = "FASHION"
    products.table.loc[own, "dataset_source"] = "HNM"
    products.table.loc[own, "product_key"] = known
    monkeypatch.setattr(price_targets, "load_products", lambda run, clusters: products)
    monkeypatch.setattr(price_targets, "MODELS", ("Ridge",))
    before = products.table["price_usd"].copy()
    command(price_targets, tmp_path, monkeypatch, "--raw-dir", str(sample_raw))
    found = pd.read_csv(tmp_path / "results" / "price_targets.csv").set_index("statistic")
    assert list(found.index) == ["median", "mean", "mode", "high"]
    assert found.loc["mode", "on_grid"] > found.loc["mean", "on_grid"]
    assert found.loc["high", "median_usd"] >= found.loc["median", "median_usd"]
    pd.testing.assert_series_equal(products.table["price_usd"], before)
    median, _ = price_targets.with_statistic(run, products, "median")
    direct, _ = _hnm(run.paths.hnm_raw, "median")
    direct = direct.set_index("product_key")["price_usd"]
    mine = median.table.set_index("product_key")["price_usd"]
    shared = direct.index.intersection(mine.index)
    assert len(shared) > 20
    np.testing.assert_allclose(mine[shared], direct[shared], rtol=1e-9)
