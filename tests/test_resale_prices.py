"""Models of second-hand prices on a small drawn market whose prices follow a known rule."""

import sys

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.metrics import r2_score

import regression_DL_SOTA
import regression_ML
from common.artifacts import Paths, RunConfig, StageError
from common.results import Results
from pricing.predictor import ListingInput
from pricing.resale import ResalePredictor
from resale import fit, ranges
from resale import model as resale_model
from resale.baselines import TfidfRidge
from resale.condition import CONDITIONS
from resale.encodings import TargetEncodings
from resale.fields import blank, normal, read_fields
from resale.model import ResalePriceModel
from resale.network import SparseNetwork, load_network, predict
from resale.platforms import Platforms
from resale.ranges import Ranges
from resale.ridge import HierarchicalRidge, Sparse, condition_steps
from resale.words import Words, title_terms

ROWS = 900
BRANDS = {"Plain": 10, "Good": 25, "Fine": 70}
ITEMS = {"shirt": 1.0, "coat": 3.0, "boots": 2.0}
LEVELS = {"east_x": 1.5, "west_y": 0.7, "small_z": 1.0}
FACTORS = (0.5, 0.75, 1.0, 1.2, 1.4)  # of the conditions


def draw_listings(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    brand, item = draw.choice(list(BRANDS), rows), draw.choice(list(ITEMS), rows)
    platform = draw.choice(list(LEVELS), rows, p=[0.5, 0.4, 0.1])
    grade = draw.integers(0, 5, rows)
    price = [
        BRANDS[b] * ITEMS[i] * LEVELS[p] * FACTORS[g]
        for b, i, p, g in zip(brand, item, platform, grade, strict=True)
    ]
    colours = draw.choice(["red", "blue", "green"], rows)
    return pd.DataFrame(
        {
            "product_key": [f"listing-{row}" for row in range(rows)],
            "market": "resale",
            "platform": platform,
            "title": [f"{b} {i} in {c}" for b, i, c in zip(brand, item, colours, strict=True)],
            "description": "",
            "brand": brand,
            "product_type": item,
            "condition": np.take(CONDITIONS, grade),
            "price_kind": draw.choice(["asked", "sold"], rows),
            "date": "2024-05",
            "new_price_usd": "",
            "price_usd": price * np.exp(draw.normal(0, 0.2, rows)),
            "group": [f"group-{row // 2}" for row in range(rows)],
            "split": np.resize(["train"] * 7 + ["validation"] * 1 + ["test"] * 2, rows),
        }
    )


@pytest.fixture(scope="module", autouse=True)
def few_trees():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resale_model, "ROUNDS", 80)
        patch.setattr(resale_model, "FOLD_ROUNDS", 30)
        patch.setattr(ranges, "ROUNDS", 20)
        yield


@pytest.fixture(scope="module")
def listings():
    return draw_listings()


@pytest.fixture(scope="module")
def model(listings, few_trees):
    """A model of the drawn market; not to be changed."""
    return ResalePriceModel.fit(listings[listings["split"] != "test"])


@pytest.fixture
def run(listings, tmp_path, monkeypatch):
    """Runs a price stage on the drawn market and reads its results."""
    listings.to_csv(tmp_path / "dataset_with_llm.csv", index=False)

    def run(stage, *arguments):
        command = [stage.STAGE, "--market", "resale", "--data-dir", str(tmp_path), *arguments]
        monkeypatch.setattr(sys, "argv", command)
        stage.main()
        return pd.read_csv(tmp_path / "results" / f"{stage.STAGE}.csv")

    return run


def r2(true_usd, log_usd) -> float:
    return r2_score(np.log(true_usd), log_usd)


def test_prices_follow_the_rule_of_the_market(model, listings):
    test = listings[listings["split"] == "test"]
    assert r2(test["price_usd"], model.predict(test)) > 0.85


def test_every_part_that_a_listing_leaves_out_is_unknown(model, listings):
    test = listings[listings["split"] == "test"]
    titles = test[["title", "platform"]]
    log_usd = model.predict(titles)
    assert 0.5 < r2(test["price_usd"], log_usd) < r2(test["price_usd"], model.predict(test))
    # A missing cell is as good as a missing column.
    gaps = titles.assign(brand=np.nan, condition=None, size="", new_price_usd=np.nan)
    assert model.predict(gaps) == pytest.approx(log_usd)


def test_a_better_condition_is_never_cheaper(model, listings):
    test = listings[listings["split"] == "test"]
    prices = [model.predict(test.assign(condition=condition)) for condition in CONDITIONS]
    assert (np.diff(prices, axis=0) >= 0).all()
    steps = np.median(prices, axis=1) - np.median(prices[2])
    assert steps == pytest.approx(np.log(FACTORS), abs=0.2)


def test_a_listing_of_no_platform_is_priced_between_the_platforms(model):
    line = {"title": "Fine coat in red", "brand": "Fine", "condition": "good"}
    table = pd.DataFrame([line, *(line | {"platform": name} for name in LEVELS)])
    prices = model.price(table)
    (reference, *others), width = prices.log_usd, prices.high - prices.low
    assert reference == pytest.approx(np.mean(others), abs=1e-6)
    assert min(others) < reference < max(others)
    assert width[0] > np.mean(width[1:])
    assert model.predict(table.iloc[:1].assign(platform="never seen")) == pytest.approx(reference)


def test_ranges_hold_nine_in_ten(model, listings):
    many = draw_listings(2000, seed=1)
    low, high = model.interval(many)
    true = np.log(many["price_usd"])
    assert 0.86 < ((low <= true) & (true <= high)).mean() < 0.94
    # Around another price they have the same width.
    shifted = model.interval(many, model.predict(many) + 1)
    assert shifted[1] - shifted[0] == pytest.approx(high - low)


def test_a_model_is_the_same_after_loading(model, listings, tmp_path):
    model.save(tmp_path, table="abc")
    again = ResalePriceModel.load(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors", ".txt"}
    assert again.facts == {"seed": 0, "table": "abc"}
    assert again.platforms.names == sorted(LEVELS)
    lines = pd.DataFrame({"title": ["Good boots in blue", "무엇이든", ""]})
    for table in (listings, lines):
        old, new = model.price(table), again.price(table)
        for name in ("log_usd", "low", "high"):
            assert np.array_equal(getattr(old, name), getattr(new, name))


def test_a_model_that_is_not_whole_says_how_to_make_it(model, tmp_path):
    model.save(tmp_path)
    (tmp_path / "trees.txt").write_text("tree")
    with pytest.raises(StageError, match="--market resale"):
        ResalePriceModel.load(tmp_path)
    with pytest.raises(StageError, match="--market resale"):
        ResalePriceModel.load(tmp_path / "nowhere")


@pytest.mark.parametrize("rows", [12, 300])
def test_one_small_platform_with_titles_alone_is_enough(rows):
    table = draw_listings(rows)[["title", "price_usd"]].assign(platform="only")
    model = ResalePriceModel.fit(table)
    low, high = model.interval(table)
    assert np.isfinite(model.predict(table)).all() and (low < high).all()


def test_words_of_any_script_are_read():
    assert normal("Ａｄｉｄａｓ Été") == "adidas ete"
    assert {"denim", "denim jacket", "^jack"} <= set(title_terms("denim jacket"))
    assert {"^나이", "러닝화", "^러닝", "닝화$"} <= set(title_terms("나이키 러닝화"))


def test_words_are_the_same_after_loading(listings):
    fields = read_fields(listings)
    words = Words().fit(fields)
    for old, new in zip(
        words.transform(fields), Words.from_state(*words.state()).transform(fields), strict=True
    ):
        assert abs(old - new).sum() == pytest.approx(0, abs=1e-3)


def test_a_sellers_line_has_no_fields_of_a_form(listings):
    fields = read_fields(listings)
    line = blank(fields, seed=1)
    assert (line["title"] == fields["title"]).all()
    assert (line[["category", "month", "size"]] == "").all().all()
    assert 0 < (line["brand"] == "").mean() < 1 and 0 < (line["grade"] < 0).mean() < 1
    assert (fields["month"] == "2024-05").all()  # the rows themselves are as they were


def test_fields_are_read_as_numbers_and_grades():
    table = pd.DataFrame(
        {
            "title": ["NEW Bag 40"],
            "condition": ["very good"],
            "new_price_usd": ["100"],
            "date": ["1970-01-02"],
            "price_kind": ["unknown"],
        }
    )
    (row,) = read_fields(table).itertuples()
    assert (row.grade, row.kind, row.letters, row.digits) == (2, "", 10, 2)
    assert row.log_new == pytest.approx(np.log(100))
    assert row.day == pd.Timestamp("1970-01-02").toordinal()


def test_what_is_typed_for_effect_changes_nothing():
    ways = [
        "black leather bag, 38 cm",
        "BLACK Leather bag,, 38 cm!!!",
        "black leather bag, 38 cm \U0001f525",
    ]
    read = read_fields(pd.DataFrame({"title": ways, "description": ways}))
    for column in read:
        first, *others = map(str, read[column])
        assert others == [first] * 2, column


def test_steps_begin_at_very_good():
    assert condition_steps(np.arange(-1, 5)).tolist() == [
        [0, 0, 0, 0],
        [-1, -1, 0, 0],
        [0, -1, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 1, 1],
    ]


def test_ridge_has_weights_for_each_platform():
    # The same word lifts the price on the first platform and lowers it on the second.
    draw = np.random.default_rng(0)
    word, platform = draw.integers(0, 2, 400), np.repeat([0, 1], 200)
    target = np.where(platform == 0, 1.0, -1.0) * word
    words = csr_matrix(np.column_stack([word, 1 - word]).astype(np.float32))
    empty, unknown = csr_matrix((400, 0), dtype=np.float32), np.full(400, np.nan)
    rows = Sparse(words, empty, platform, np.full(400, -1), unknown)
    ridge = HierarchicalRidge.fit(rows, target, np.ones(400), 2)
    assert ridge.predict(rows) == pytest.approx(target, abs=0.1)
    better = Sparse(words, empty, platform, np.full(400, 4), unknown)
    assert np.isfinite(ridge.predict(better)).all()


def test_encodings_are_means_drawn_to_the_platforms_median():
    keys = {"brand": np.array([7, 7, 9], np.uint64)}
    encodings = TargetEncodings.fit(keys, np.array([2.0, 2.0, -1.0]))
    columns = encodings.transform({"brand": np.array([7, 9, 8], np.uint64)})
    assert columns["mean of brand"].tolist() == pytest.approx([4 / 10, -1 / 9, 0])
    assert columns["rows of brand"].tolist() == pytest.approx(np.log1p([2, 1, 0]).tolist())


def test_a_platform_of_new_goods_or_of_one_kind_gives_no_reference_price(listings):
    new = listings[listings["platform"] == "east_x"].assign(condition="new")
    bags = listings[listings["platform"] == "west_y"].assign(normalized_category="Accessories")
    korean = listings[listings["platform"] == "small_z"].assign(
        platform="한국", title="나이키 신발"
    )
    table = pd.concat([new, bags, korean, listings.assign(platform="general")])
    platforms = Platforms.fit(read_fields(table), np.log(table["price_usd"].to_numpy()))
    names = platforms.names
    assert [names[place] for place in platforms.references("coat")] == ["general"]
    assert [names[place] for place in platforms.references("나이키")] == ["한국"]


def test_ranges_are_wider_where_errors_are():
    draw = np.random.default_rng(0)
    platform, grade = np.repeat([0, 1], 3000), draw.integers(-1, 5, 6000)
    spread = np.where(platform == 0, 0.2, 1.0) * np.where(grade == 0, 2, 1)
    error, matrix = draw.normal(0, spread), draw.normal(size=(6000, 2))
    fold, groups = draw.integers(0, 5, 6000), (platform, grade, np.zeros(6000, int))
    fitted = Ranges.fit(matrix, error, np.ones(6000), fold, groups, 2)
    below, above = fitted.distances(matrix, groups)
    inside = (-below <= error) & (error <= above)
    for rows in (platform == 0, platform == 1, grade == 0, grade == 4):
        assert 0.87 < inside[rows].mean() < 0.93
    assert np.median((below + above)[platform == 1]) > 3 * np.median((below + above)[platform == 0])


def test_ridge_of_one_platform_falls_back_on_its_median(listings):
    one = listings[listings["platform"] == "east_x"]
    train, validation = one[one["split"] == "train"], one[one["split"] == "validation"]
    ridge = TfidfRidge().fit(train, validation)
    assert r2(one["price_usd"], ridge.predict(one)) > 0.85
    few = one.iloc[:1]
    assert TfidfRidge().fit(few).predict(one) == pytest.approx(np.log(few["price_usd"].iloc[0]))


def test_stage_scores_every_platform_and_keeps_what_is_there(run, tmp_path, capsys):
    table = run(regression_ML)
    assert set(table["model"]) == {
        fit.MEDIAN,
        fit.OWN_RIDGE,
        fit.LIGHTGBM,
        fit.HIERARCHICAL,
        fit.STACKED,
        fit.PARTIAL,
    }
    assert (table.groupby("model")["platform"].nunique() == len(LEVELS)).all()
    r2_log = table.groupby("model")["r2_log"].mean()
    assert r2_log[fit.MEDIAN] < 0.1 < r2_log[fit.PARTIAL] < r2_log[fit.STACKED]
    assert "means over 3 platforms" in capsys.readouterr().out

    conditions = pd.read_csv(tmp_path / "results" / "resale_condition.csv")
    assert conditions.query("platform == 'all'")["violations"].tolist() == [0]
    found = pd.read_csv(tmp_path / "results" / "resale_ranges.csv")
    assert {"all", *LEVELS} == set(found["platform"]) and found["coverage"].between(0, 1).all()

    network = run(regression_DL_SOTA)
    assert set(network["model"]) == {fit.NETWORK, fit.BLEND}
    folder = tmp_path / "models" / "resale"
    assert isinstance(load_network(folder / "network.safetensors"), SparseNetwork)

    # The folder is enough to price a listing.
    shop = ResalePredictor.load(RunConfig(Paths(tmp_path)))
    (answer,) = shop.predict([ListingInput("Fine coat in red", None, {"condition": "new"})])
    assert answer.low_usd < answer.sold_usd <= answer.price_usd < answer.high_usd
    assert answer.comparables and {one.brand for one in answer.comparables} == {"Fine"}

    # Another seed adds what has a seed; the same one adds nothing.
    more = run(regression_ML, "--seed", "0", "1")
    assert len(more) == len(table) + 3 * len(LEVELS)
    modified = (folder / "trees.txt").stat().st_mtime_ns
    assert len(run(regression_ML, "--seed", "0", "1")) == len(more)
    assert (folder / "trees.txt").stat().st_mtime_ns == modified


def test_rows_of_retail_prices_stay(run, listings, tmp_path):
    """Their results read embeddings too; the rows of both markets are in one file."""
    inputs = {"table": tmp_path / "dataset_with_llm.csv", "embeddings": "some"}
    path = tmp_path / "results" / "regression_ML.csv"
    config = RunConfig(Paths(tmp_path))
    key = {"experiment": "metadata + embedding", "model": "Ridge"}
    Results(path, config, inputs, tuple(key)).add(**key, r2=0.5)
    assert "Ridge" in set(run(regression_ML)["model"])
    results = Results(path, config, inputs, tuple(key))
    assert results.done(**key) and len(results.rows) > 10


def test_network_keeps_the_order_of_conditions():
    torch.manual_seed(0)
    network = SparseNetwork(50, 2).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    draw = np.random.default_rng(0)
    words = csr_matrix(draw.random((40, 50)).astype(np.float32))
    platform, new = draw.integers(0, 2, 40), np.full(40, np.nan)
    prices = [
        predict(network, Sparse(words, words, platform, np.full(40, g), new), torch.device("cpu"))
        for g in range(5)
    ]
    assert (np.diff(prices, axis=0) >= -1e-5).all()


@pytest.mark.parametrize("stage", [regression_ML, regression_DL_SOTA])
def test_a_table_without_listings_is_one_clear_error(stage, run, listings, tmp_path):
    listings.drop(columns="market").to_csv(tmp_path / "dataset_with_llm.csv", index=False)
    with pytest.raises(StageError, match="no second-hand listings"):
        run(stage)


def test_network_needs_the_trees_of_the_same_table(run):
    with pytest.raises(StageError, match="regression_ML.py --market resale"):
        run(regression_DL_SOTA)
