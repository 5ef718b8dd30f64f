"""A marketplace that the model has never seen, on a small drawn market."""

import numpy as np
import pytest
from sklearn.metrics import r2_score
from test_resale_prices import draw_listings

from common.artifacts import Paths, RunConfig, StageError
from resale import fit
from resale import model as resale_model
from resale.adapt import LEAST_ROWS, AdaptedModel, load_adapted
from resale.condition import CONDITIONS
from resale.kernel import WEIGHTS, best_weights, solve
from resale.level_one import LevelOne
from resale.model import ResalePriceModel


@pytest.fixture(scope="module")
def base():
    return LevelOne.fit(draw_listings(), folds=0)[0]


@pytest.fixture(scope="module")
def own():
    """Listings of a new platform that is dearer and words its titles in its own way."""
    table = draw_listings(160, seed=1)
    titles = "Verkaufe " + table["title"]
    return table.assign(platform="new_n", title=titles, price_usd=3 * table["price_usd"])


@pytest.fixture(scope="module")
def model(base, own):
    return AdaptedModel.fit(base, own[:60])


def test_few_rows_move_the_level_and_keep_what_the_others_know(model, own):
    true = np.log(own["price_usd"][60:])
    assert r2_score(true, model.predict(own[60:])) > 0.75
    alone = AdaptedModel(
        model.base,
        model.platform,
        model.own,
        model.log_usd,
        model.idf,
        WEIGHTS | dict.fromkeys(("mean price", "differences", "near prices", "worth"), 1e-9),
    )
    assert r2_score(true, model.predict(own[60:])) > r2_score(true, alone.predict(own[60:]))


def test_a_better_condition_never_lowers_the_price(base, own):
    upside_down = own[:40].assign(condition=own["condition"][:40].map(_reverse))
    model = AdaptedModel.fit(base, upside_down)
    rows = own[40:80]
    prices = [model.predict(rows.assign(condition=name)) for name in CONDITIONS]
    assert (np.diff(prices, axis=0) >= 0).all()


def _reverse(condition):
    return CONDITIONS[-1 - CONDITIONS.index(condition)]


def test_nine_in_ten_lie_within_the_range(model, own):
    low, high = model.interval(own[60:])
    true = np.log(own["price_usd"][60:])
    assert 0.8 <= ((low <= true) & (true <= high)).mean() <= 1
    around_zero = model.interval(own[60:], np.zeros(100))
    np.testing.assert_allclose(np.ptp(around_zero, axis=0), high - low)


def test_leave_one_out_errors_are_those_of_models_without_the_row():
    draw = np.random.default_rng(0)
    columns, target = draw.normal(size=(12, 3)), draw.normal(size=12)
    weights = {"a": 1.0, "noise": 0.5}
    _, errors = solve({"a": columns @ columns.T}, target, weights)
    rest = np.arange(12) != 4
    alpha, _ = solve({"a": columns[rest] @ columns[rest].T}, target[rest], weights)
    assert errors[4] == pytest.approx(target[4] - columns[4] @ columns[rest].T @ alpha)


def test_many_rows_choose_how_much_their_letters_count():
    draw = np.random.default_rng(0)
    letters = draw.normal(size=(80, 5))
    alike = dict.fromkeys(WEIGHTS, np.zeros((80, 80))) | {"letters": letters @ letters.T}
    del alike["noise"]
    weights = best_weights(alike, letters[:, 0])
    assert weights["letters"] > WEIGHTS["letters"]
    assert weights["noise"] < WEIGHTS["noise"]


def test_a_saved_model_predicts_the_same_and_holds_no_text(model, own, tmp_path):
    model.save(tmp_path)
    content = (tmp_path / "adapted" / "new_n.safetensors").read_bytes()
    assert b"Verkaufe" not in content
    assert b"verkaufe" not in content
    (loaded,) = load_adapted(tmp_path, model.base).values()
    assert loaded.platform == "new_n"
    np.testing.assert_array_equal(loaded.predict(own[60:]), model.predict(own[60:]))


def test_a_model_of_another_base_or_a_broken_one_is_left_aside(model, tmp_path, capsys):
    path = tmp_path / "adapted" / "new_n.safetensors"
    model.save(tmp_path)
    other, _ = LevelOne.fit(draw_listings(200, seed=5), folds=0)
    assert not load_adapted(tmp_path, other)
    assert "another model" in capsys.readouterr().out
    path.write_bytes(path.read_bytes()[:100])
    assert not load_adapted(tmp_path, model.base)
    assert "new_n.safetensors is no whole" in capsys.readouterr().out


def test_a_handful_of_rows_is_too_few(base, own):
    with pytest.raises(StageError, match="too few"):
        AdaptedModel.fit(base, own[: LEAST_ROWS - 1])


def test_a_title_alone_is_priced(model, own):
    whole, title = model.predict(own[60:]), model.predict(own[60:][["title"]])
    assert np.isfinite(title).all()
    assert np.corrcoef(whole, title)[0, 1] > 0.5


def test_a_csv_adapts_the_model_and_prices_its_platform(own, tmp_path, monkeypatch):
    monkeypatch.setattr(resale_model, "ROUNDS", 20)
    monkeypatch.setattr(resale_model, "FOLD_ROUNDS", 10)
    run = RunConfig(Paths(tmp_path))
    folder = run.paths.model("resale")
    ResalePriceModel.fit(draw_listings(400)).save(folder)
    names = {"product_type": "category_raw", "condition": "condition_raw", "price_usd": "price"}
    rows = own.rename(columns=names).assign(currency="USD", price=own["price_usd"].round(2))
    rows["title"] += [f" no. {row}" for row in range(len(rows))]
    path = tmp_path / "shop.csv"
    rows[:100].drop(columns="platform").to_csv(path, index=False)

    assert "shop" in fit.adapt(run, path)
    model = ResalePriceModel.load(folder)
    assert set(model.adapted) == {"shop"}
    listings = own[100:].assign(platform="shop")
    prices = model.price(listings)
    np.testing.assert_allclose(prices.log_usd, model.adapted["shop"].predict(listings))
    assert (prices.low < prices.log_usd).all()
    assert r2_score(np.log(listings["price_usd"]), prices.log_usd) > 0.75

    rows[:100].assign(source="east_x").to_csv(path, index=False)
    with pytest.raises(StageError, match="east_x is in the model already"):
        fit.adapt(run, path)
