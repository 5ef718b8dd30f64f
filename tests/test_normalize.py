"""Normal values: which mention counts, compositions, and what the catalogue's words state."""

import pytest

from attributes import catalogue, rules
from attributes.normalize import (
    NOTHING,
    NormalizedAttributes,
    composition,
    find_mentions,
    normalize_words,
    singular,
)
from attributes.vocabulary import NORMAL_VALUES

SHIRT = (
    "Red striped shirt made of 60% cotton and 40% polyester, has short raglan sleeves and a round "
    "neckline Fitting Slim Wash care Do not dry clean, tumble dry or bleach Machine wash cold Do "
    "not iron on print. Team it with a printed skirt."
)


def test_a_description_in_normal_values_with_the_words_they_were_read_from():
    mentions = find_mentions("Arrow Men Shirt", SHIRT)
    values = {name: mention.value for name, mention in mentions.items() if mention.value}
    assert values == {
        "fabric": "blended",
        "care": "machine wash",
        "fit": "slim",
        "pattern": "striped",
        "sleeve": "short",
        "neck": "round",
    }
    assert all(mention.words in SHIRT for mention in mentions.values())


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
    assert find_mentions(title, text)[name].value == value


def test_a_brand_is_no_collar():
    title, text = "U.S. Polo Assn. Men T-shirt", "Mustard round neck T-shirt"
    assert find_mentions(title, text, "U.S. Polo Assn.")["neck"].value == "round"


@pytest.mark.parametrize(
    ("garment", "name"),
    [("T-Shirts", "t shirt"), ("Dresses", "dress"), ("Jeans", "jeans"), ("bow ties", "bow tie")],
)
def test_garments_in_the_singular(garment, name):
    assert singular(garment) == name


@pytest.mark.parametrize("piece", ["a-", "short, ", "team it with ", "40% cotton ", "lining of "])
def test_fifty_thousand_characters_are_read_to_the_end(piece):
    # Tried in every way, such a text would take for ever.
    text = (piece * 25_000)[:50_000] + ". Wash care Hand wash"
    assert find_mentions("", text)["care"].value == "hand wash"
    assert rules.read("", text, rules.gazetteer([]))["care"].endswith("Hand wash")


@pytest.mark.parametrize("text", ["", "🧥" * 99, "綿のシャツ", "\x00\x07", "cot " * 12000])
def test_texts_that_say_nothing_give_nothing(text):
    assert all(mention == NOTHING for mention in find_mentions(text, text).values())


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
    assert list(composition(text).items()) == fibres


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
    assert catalogue.states(words, text) is stated


def test_a_value_outside_the_vocabulary_is_refused():
    with pytest.raises(ValueError, match="fit"):
        NormalizedAttributes(fit="snug")
    with pytest.raises(ValueError, match="fibres"):
        NormalizedAttributes(fibres="cotton 60, kryptonite 40")
    with pytest.raises(ValueError, match="brand"):
        NormalizedAttributes(brand="x" * 61)


def test_every_fabric_of_one_fibre_is_of_the_vocabulary():
    for fibre in ("jute", "down", "lyocell", "lambswool", "PU", "silicone", "rubber"):
        fabric = find_mentions("", f"Bag made of 100% {fibre}")["fabric"].value
        assert fabric in ("", *NORMAL_VALUES["fabric"])


def test_what_is_too_long_for_a_name_is_left_out():
    words = dict.fromkeys(("brand", "item", "material", "style", "care"), "x " * 60)
    assert normalize_words(words, {}) == NormalizedAttributes()
