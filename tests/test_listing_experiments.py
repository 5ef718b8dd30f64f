"""What the experiments on listings' texts count, on readers and predictors that are known."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fake_predictor import FakePredictor
from fake_resale import fake_resale

from common.artifacts import Paths, RunConfig, StageError
from common.merge.taxonomy import CATEGORIES
from common.results import Results
from experiments import listing_properties, listing_reading
from experiments.listing_reading import TABLE, keys, measure_doubts, measure_fields, real_line, tell
from pricing.reading import TextReader
from resale.condition import CONDITIONS
from resale.taxonomy import COLOURS

PRODUCT = {
    "brand": "Nike",
    "normal_item": "hoodie",
    "normalized_category": "Tops",
    "normalized_gender": "Men",
}
ROW = {
    "title": "Robe noire Zara",
    "description": "taille 38, pour femme",
    "brand": "ZARA",
    "condition": "good",
    "size": "M / 38 / 10",
    "colour": "Black",
    "normalized_category": "Dresses",
    "category_is_native": True,
    "normalized_gender": "Women",
    "gender_is_native": True,
}
READER = TextReader({"zara": "Zara", "nike": "Nike"}, ["dress", "black"])


@pytest.fixture
def results(tmp_path):
    def new(*key: str) -> Results:
        run = RunConfig(paths=Paths(tmp_path))
        return Results(run.paths.results("_".join(key)), run, {}, key)

    return new


# --- reading -------------------------------------------------------------------------------------


def test_thirteen_templates_in_six_languages_have_all_their_words():
    ways = TABLE["template"]
    languages = {way["language"] for way in ways}
    assert (len(ways), len(languages)) == (13, 6)
    for name in ("item", "colour"):
        assert all(languages <= words.keys() for words in TABLE[name])
    assert {item["category"] for item in TABLE["item"]} <= set(CATEGORIES)
    assert {colour["en"] for colour in TABLE["colour"]} <= set(COLOURS)
    assert {shade["label"] for shade in TABLE["shade"]} <= set(COLOURS)
    assert {way["condition"] for way in ways} <= {*CONDITIONS, ""}


def test_a_line_states_what_its_template_names_and_no_more():
    way = {"language": "en", "text": "{I}, {c}, {g}", "condition": "good"}
    text, truth, stated = tell(way, PRODUCT, np.random.default_rng(0))
    assert text == f"HOODIE, {truth['colour']}, men"
    assert truth["brand"] == truth["size"] == ""
    assert stated == {"category", "condition", "gender", "colour"}
    way = {"language": "fr", "text": "{i} {B} taille {s}"}
    text, truth, stated = tell(way, PRODUCT, np.random.default_rng(0))
    item = next(item for item in TABLE["item"] if text.startswith(f"{item['fr']} NIKE taille"))
    assert (truth["category"], truth["condition"]) == (item["category"], "")
    assert text.endswith(truth["size"])
    assert "gender" not in stated  # the product has one, the line does not say it


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("M / 38 / 10", {"M", "38", "10"}),
        ("EU 36,5", {"36.5"}),
        ("36.0", {"36"}),
        ("W36 L30", {"36", "30"}),
        ("xxl", {"XXL"}),
        ("Goyard", set()),
    ],
)
def test_sizes_are_compared_without_their_systems(written, found):
    assert keys("size", written) == found


def test_a_listing_states_what_stands_in_its_text():
    _, truth, stated = real_line(ROW, READER)
    assert stated == {"brand", "size", "gender", "colour", "category", "condition"}
    bare = {**ROW, "title": "Robe", "description": "", "gender_is_native": False}
    _, truth, stated = real_line(bare, READER)
    assert stated == {"category", "condition"}  # nobody knows whether it does
    assert truth.keys() == {"brand", "size", "colour", "category", "condition"}
    assert "brand" not in real_line({**ROW, "brand": "Nobody Knows"}, READER)[1]
    assert "brand" not in real_line({**ROW, "brand": "sans marque"}, READER)[1]


def test_precision_counts_what_is_read_and_recall_what_is_stated(results):
    texts = {"a": "Nike", "b": "Zara", "c": "", "d": "Nike", "e": "Nike"}

    def read(text: str) -> SimpleNamespace:
        return SimpleNamespace(values={"brand": texts[text]}, category="", gender="", doubts=())

    lines = [
        ("a", {"brand": "NIKE"}, {"brand"}),  # right
        ("b", {"brand": "Nike"}, {"brand"}),  # wrong
        ("c", {"brand": "Nike"}, {"brand"}),  # missed
        ("d", {"brand": ""}, set()),  # invented
        ("e", {}, set()),  # unknown: counts nowhere
    ]
    table = results("lines", "field")
    measure_fields(table, "told", lines, SimpleNamespace(read=read))
    row = table.frame.set_index("field").loc["brand"]
    assert (row["n"], row["n_stated"]) == (4, 3)
    assert row["precision"] == pytest.approx(1 / 3, abs=1e-5)
    assert row["recall"] == pytest.approx(1 / 3, abs=1e-5)
    assert np.isnan(table.frame.set_index("field").loc["gender", "f1"])


def test_doubts_are_shares_of_the_lines_and_of_no_lines_there_are_none(results):
    table = results("lines", "doubt")
    lots = [("lot of 5 black dresses",), ("black dress",)]
    measure_doubts(table, READER, "lots", lots, ("lot", "not_worn"), "all")
    measure_doubts(table, READER, "nothing", [], ("lot",))
    assert table.frame["share"].tolist() == [0.5, 0.0]
    assert set(table.frame["lines"]) == {"lots"}


def test_told_lines_are_measured_by_field_and_doubt(results):
    fields, doubts = results("lines", "field"), results("lines", "doubt")
    lines = [tell(way, PRODUCT, np.random.default_rng(1)) for way in TABLE["template"]]
    measure_fields(fields, "told", lines, READER)
    frame = fields.frame.set_index("field")
    assert frame.loc[["brand", "size", "condition"], "f1"].tolist() == [1, 1, 1]
    assert set(frame.index) == set(listing_reading.FIELDS)
    for foreign in (False, True):
        pairs = zip(lines, TABLE["template"], strict=True)
        part = [line for line, way in pairs if (way["language"] != "en") == foreign]
        measure_doubts(doubts, READER, f"foreign: {foreign}", part, ("foreign_language",))
    assert doubts.frame["share"].tolist() == [0, 1]


# --- properties ----------------------------------------------------------------------------------


class Moody(FakePredictor):
    """Doubles the price of capitals and of worn goods, refuses what is doubly spaced."""

    def _estimate(self, listing):
        estimate = super()._estimate(listing)
        if "  " in listing.text or not estimate.price_usd:
            return replace(estimate, price_usd=None)
        worn = listing.fields.get("condition") == "fair"
        loud = listing.text.isupper()
        return replace(estimate, price_usd=24.5 * 2 ** (worn + loud) * 0.5 ** ("3" in listing.text))


def shares(results, predictor, texts, categories) -> dict[str, float]:
    table = results("property", "market")
    listing_properties.measure(table, predictor, texts, categories)
    assert set(table.frame["market"]) == {predictor.market}
    return dict(zip(table.frame["property"], table.frame["share"], strict=True))


def test_a_price_that_nothing_moves_has_none_of_the_properties(results):
    bottoms = {f"FASHION:{number}": "Bottomwear" for number in range(5)}
    share = shares(results, FakePredictor(), ["blue jeans", "Levi's 501"], bottoms)
    assert len(share) == 13
    assert set(share.values()) == {0}


def test_each_property_is_counted_where_a_predictor_has_it(results):
    categories = dict.fromkeys((f"FASHION:{number}" for number in range(5)), "Tops")
    texts = ["blue jeans", "black jeans", "refuse this one"]
    table = results("property", "market")
    listing_properties.measure(table, Moody(), texts, categories)
    assert set(table.frame["n"]) == {2}  # what has no price is left out
    share = dict(zip(table.frame["property"], table.frame["share"], strict=True))
    had = {name for name, value in share.items() if value == 1}
    assert had == {
        "moves: upper case",
        "moves: spaces doubled",
        "a better condition is cheaper",
        "three cost less than one",
        "a comparable of another category",
    }
    assert {value for name, value in share.items() if name not in had} == {0}


def test_the_range_and_the_comparables_are_held_against_the_price(results):
    class Dear(FakePredictor):
        def _estimate(self, listing):
            return replace(super()._estimate(listing), price_usd=60.0, high_usd=61.0, labels={})

    categories = dict.fromkeys((f"FASHION:{number}" for number in range(5)), "Tops")
    share = shares(results, Dear(), ["jeans"], categories)
    assert share["outside the middle half of the range"] == 1
    assert share["comparables more than a factor 2 away"] == 1
    assert share["a comparable of another category"] == 0  # of what, nobody knows


def test_second_hand_prices_move_with_a_new_price_and_never_fall_with_the_condition(results):
    predictor = fake_resale(details=False)
    listed = predictor.comparables.facts["normalized_category"]
    categories = {f"resale:{row}": category for row, category in enumerate(listed)}
    share = shares(results, predictor, ["Nike boots", "Gucci dress"], categories)
    assert share["moves: new price stated"] == 1
    assert share["a better condition is cheaper"] == share["a comparable of another category"] == 0


def test_titles_that_all_have_no_price_are_an_error(results):
    with pytest.raises(StageError, match="price"):
        shares(results, FakePredictor(), ["refuse"], {})
