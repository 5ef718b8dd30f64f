"""What is read in a listing's text, and what is left of it for a model of new goods."""

import pytest

from attributes.impute import applies
from pricing.reading import TextReader

WORDS = "black blue white dark leather boots jeans dress sneakers coat wool cat print".split()
READER = TextReader({"levis": "Levis", "nike": "Nike", "cat": "CAT", "turtle": "Turtle"}, WORDS)


def same(first: str, *others: str) -> bool:
    texts = {READER.read(text).text for text in (first, *others)}
    return len(texts) == 1


@pytest.mark.parametrize(
    ("text", "brand", "item", "category"),
    [
        ("Levi's 501, dark blue", "Levis", "jeans", "Bottomwear"),
        ("black NIKE sneakers", "Nike", "sneakers", "Shoes"),
        ("Black Leather Boots", "", "boots", "Shoes"),
        ("Cat print t-shirt", "", "t-shirt", "Tops"),
        ("CAT boots black", "CAT", "boots", "Shoes"),
        ("Turtle neck sweater", "", "sweater", "Knitwear"),
        ("Not Nike, but similar white sneakers", "", "sneakers", "Shoes"),
        ("denim jacket with belt", "", "jacket", "Outerwear"),
        ("sweater dress", "", "dress", "Dresses"),
        ("stivali neri Nike taglia 38", "Nike", "boots", "Shoes"),
        ("Robe pull noire taille 38", "", "dress", "Dresses"),
        ("Lederstiefel schwarz Damen", "", "boots", "Shoes"),
        ("리바이스 청바지", "Levis", "jeans", "Bottomwear"),
        ("stan smith white", "", "sneakers", "Shoes"),
        ("lovely thing", "", "", ""),
    ],
)
def test_brand_item_and_category_are_read(text, brand, item, category):
    reading = READER.read(text)
    assert (reading.values["brand"], reading.values["item"]) == (brand, item)
    assert reading.category == category


def test_condition_money_size_and_the_sale_say_nothing_of_new_goods():
    assert same(
        "black leather boots",
        "BLACK LEATHER BOOTS!!!",
        "black leather boots \U0001f525\U0001f525",
        "NWT black leather boots, size 38",
        "black leather boots. Worn out, stains and a hole",
        "Like new black leather boots. Retail $450",
        "black leather boots. Asking $45, no swaps",
        "black leather boots. I also sell Nike shoes",
        "Gucci black leather boots",
    )
    assert same("wool coat", "wool coat. 100% wool")
    assert READER.read("New white sneakers by Nike").text == "white sneakers by nike"


def test_foreign_words_are_translated_and_the_rest_of_them_goes():
    assert READER.read("Stivali in pelle nera, usati").text == "boots leather black"
    assert (
        READER.read("Jean Levi's bleu foncé homme, très bon état").text
        == "jeans levis blue dark, men"
    )


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("Stivali in pelle nera", "foreign_language"),
        ("청바지 파랑", "foreign_language"),
        ("bundle of 3 shirts", "lot"),
        ("shoe rack", "not_worn"),
        ("iPhone 12 case", "not_worn"),
        ("Zorblax dress", "unknown_brand"),
        ("dress Zorblax blue", "unknown_brand"),
    ],
)
def test_what_makes_a_price_doubtful_is_noticed(text, doubt):
    assert doubt in READER.read(text).doubts


@pytest.mark.parametrize(
    "text",
    ["black leather boots", "book bag", "lego t-shirt", "Nike dress, worn once", "stan smith"],
)
def test_a_plain_listing_has_no_doubt(text):
    assert not READER.read(text).doubts


def test_a_stated_new_price_is_read_in_its_currency():
    reading = READER.read("Jeans\nretail 90 EUR")
    assert (reading.new_price, reading.currency) == (90, "EUR")
    assert reading.title == "Jeans" and "90" not in reading.description


def test_attributes_are_of_categories_that_have_them():
    assert not applies("sleeve", "Shoes") and not applies("care", "Shoes")
    assert applies("sleeve", "Shirts") and applies("sleeve", "")
