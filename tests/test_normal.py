"""Normal values, what the catalogue lists, the judging of readers, and the completion model."""

import numpy as np
import pytest

from attributes import catalogue as gold
from attributes import normalize as normal
from attributes import rules
from attributes.impute import AttributeImputer
from common.artifacts import StageError
from experiments import attribute_extraction as quality

SHIRT = (
    "Red striped shirt made of 60% cotton and 40% polyester, has short raglan sleeves and a round "
    "neckline Fitting Slim Wash care Do not dry clean, tumble dry or bleach Machine wash cold Do "
    "not iron on print. Team it with a printed skirt."
)


def test_a_description_in_normal_values_with_the_words_they_were_read_from():
    found = normal.read("Arrow Men Shirt", SHIRT)
    values = {name: mention.value for name, mention in found.items() if mention.value}
    assert values == {
        "fabric": "blended",
        "care": "machine wash",
        "fit": "slim",
        "pattern": "striped",
        "sleeve": "short",
        "neck": "round",
    }
    assert all(mention.found in SHIRT for mention in found.values())


@pytest.mark.parametrize(
    ("title", "text", "name", "value"),
    [
        ("", "Grey shirt. Pair this round neck shirt with a polo T-shirt.", "neck", "round"),
        ("", "Style this with jeans Product Details Red top, has a boat neck", "neck", "boat"),
        ("", "A pair of beige sandals with leather upper", "fabric", "leather"),
        ("", "Do not iron on print/embroidery Fitting: Slim Fit", "fit", "slim"),
        ("", "Classic rise jeans Fit Classic rise, skinny fit", "fit", "skinny"),
        ("Slim Chinos", "Chinos in a cotton weave", "fit", "slim"),
        ("", "Trousers with tapered, shaped legs", "fit", "tapered"),
        ("", "Polo-neck jumper in merino wool", "neck", "high"),
        ("", "Bikini top with narrow shoulder straps", "sleeve", ""),
        ("", "Dress with narrow shoulder straps", "sleeve", "sleeveless"),
        ("", "Short, straight-cut dress", "length", "short"),
        ("", "Short, ribbed sleeves", "length", ""),
        ("", "Long, wide sleeves", "sleeve", "long"),
        ("", "Shorts in a linen and cotton weave", "fabric", "blended"),
        ("", "Jacket. Filling 70% down and 30% feathers.", "fabric", ""),
    ],
)
def test_what_speaks_of_the_garment_and_what_does_not(title, text, name, value):
    assert normal.read(title, text)[name].value == value


def test_a_brand_is_no_collar():
    title, text = "U.S. Polo Assn. Men T-shirt", "Mustard round neck T-shirt"
    assert normal.read(title, text, "U.S. Polo Assn.")["neck"].value == "round"


@pytest.mark.parametrize(
    ("found", "name"),
    [("T-Shirts", "t shirt"), ("Dresses", "dress"), ("Jeans", "jeans"), ("bow ties", "bow tie")],
)
def test_garments_in_the_singular(found, name):
    assert normal.singular(found) == name


@pytest.mark.parametrize("piece", ["a-", "short, ", "team it with ", "40% cotton ", "lining of "])
def test_fifty_thousand_characters_are_read_to_the_end(piece):
    # Tried in every way, such a text would take for ever.
    text = (piece * 25_000)[:50_000] + ". Wash care Hand wash"
    assert normal.read("", text)["care"].value == "hand wash"
    assert rules.read("", text, rules.gazetteer([]))["care"].endswith("Hand wash")


@pytest.mark.parametrize("text", ["", "🧥" * 99, "綿のシャツ", "\x00\x07", "cot " * 12000])
def test_texts_that_say_nothing_give_nothing(text):
    assert all(mention == normal.NOTHING for mention in normal.read(text, text).values())


@pytest.mark.parametrize(
    ("text", "fibres"),
    [
        ("98% cotton, 2% spandex", [("cotton", 98), ("elastane", 2)]),
        ("Cotton: 55 %, linen (45%)", [("cotton", 55), ("linen", 45)]),
        ("100 percent pure COTTON", [("cotton", 100)]),
        ("soft cotton", []),
        ("80% lambswool and 20 percent PES", [("wool", 80), ("polyester", 20)]),
        ("72.5% washed organic heavy cotton, 27.5% lyrca", [("cotton", 72.5), ("elastane", 27.5)]),
        ("100% protection", []),
    ],
)
def test_compositions_as_fibre_and_percent(text, fibres):
    assert normal.composition(text) == fibres


@pytest.mark.parametrize(
    ("words", "text", "stated"),
    [
        ("Regular Fit", "Fitting Regular", True),
        ("Regular Fit", "a regular shirt of good fit", False),
        ("Short Sleeves", "short-sleeved", True),
        ("Cotton", "cottage", False),
    ],
)
def test_what_a_text_states(words, text, stated):
    assert gold.states(words, text) is stated


def test_the_five_counts_and_what_the_catalogue_cannot_judge():
    def given(value, found):
        return normal.Mention(value, found, 0)

    text = "Shirt with short sleeves"
    short = gold.Listed("short", "Short Sleeves")
    cases = [
        (short, given("short", "short sleeves"), "correct"),
        (short, given("long", "short"), "wrong"),
        (short, normal.NOTHING, "missed"),
        (None, normal.NOTHING, "rightly_empty"),
        (None, given("long", "long sleeves"), "invented"),
        (None, given("short", "short sleeves"), "unlisted"),
    ]
    products = []
    for listed, mention, _ in cases:
        answers = {
            name: mention if name == "sleeve" else normal.NOTHING for name in gold.ATTRIBUTES
        }
        products.append(
            quality.Product(text, {"sleeve": listed} if listed else {}, {"rules": answers})
        )
    rows = {row["attribute"]: row for row in quality.judged(products, "rules")}
    assert [rows["sleeve"][verdict] for _, _, verdict in cases] == [1] * 6
    assert rows["sleeve"]["precision"] == rows["sleeve"]["recall"] == pytest.approx(1 / 3)
    assert rows["sleeve"]["agreement"] == 0.5
    assert rows["all"]["rightly_empty"] == 1 + 6 * (len(gold.ATTRIBUTES) - 1)


def test_a_completion_model_answers_the_same_after_a_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(9, 3)).astype(np.float32)
    model = AttributeImputer({"neck": weights}, {"neck": ["boat", "round", "v"]})
    image, text = rng.normal(size=(2, 5, 4))
    image[0], text[1] = np.nan, np.nan
    model.save(tmp_path / "made.safetensors")
    again = AttributeImputer.load(tmp_path / "made.safetensors").infer(image, text)["neck"]
    value, confidence = model.infer(image, text)["neck"]
    assert list(again[0]) == list(value)
    assert np.array_equal(again[1], confidence)
    assert ((confidence > 1 / 3) & (confidence <= 1)).all()
    (tmp_path / "made.json").write_text("{")
    with pytest.raises(StageError, match="not whole"):
        AttributeImputer.load(tmp_path / "made.safetensors")
