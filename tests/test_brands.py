"""Brands: one key for all spellings, and the brand that a seller's line is about."""

import pytest

from resale.brands import brand_key, brand_name, find_brand, known_brands

STATED = ["Quillmark", "quillmark", "Vintage", "Vintage", "Nike", "Nike", ""]
TITLES = [
    "Quillmark cape",
    "black QUILLMARK boots",
    "old dress",
    "vintage blouse",
    "vintage Nike tee",
    "Nike vintage socks",
    "vintage hat",
]
KNOWN = known_brands(STATED, TITLES)


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("Hermès", "hermes"),
        ("HERMES", "hermes"),
        ("에르메스", "hermes"),
        ("ナイキ", "nike"),
        ("addidas", "adidas"),
        ("LEVI’S", "levis"),
        ("levi_s", "levis"),
        ("H & M", "hm"),
        ("Sans marque", "unbranded"),
        ("Stüssy", "stussy"),
        ("Maßwerk Łódź", "masswerklodz"),
        ("가나다", "가나다"),
        ("ガギグ", "ガギグ"),
        ("", ""),
    ],
)
def test_a_brand_has_one_key_for_all_its_spellings(spelling, key):
    assert brand_key(spelling) == key


def test_a_key_has_a_usual_spelling():
    assert brand_name("levis") == "Levi's"
    assert brand_name("quillmark") == "quillmark"


def test_names_that_are_mostly_words_of_other_titles_are_not_looked_for():
    assert KNOWN["quillmark"] == "Quillmark"
    assert "vintage" not in KNOWN
    assert "unbranded" not in KNOWN


@pytest.mark.parametrize(
    ("text", "brand"),
    [
        ("black shoes nike mens", "Nike"),
        ("dark blue jeans, LEVI’S 501", "Levi's"),
        ("boots by quillmark", "Quillmark"),
        ("NWT nike tee", "Nike"),
        ("like new Nike hoodie", "Nike"),
        ("나이키운동화 270", "Nike"),
        ("검정 리바이스501 바지", "Levi's"),
        ("구찌 가방", "Gucci"),
        ("ナイキスニーカー 26cm", "Nike"),
        ("robe sezane taille 38", "Sézane"),
        ("dr. martens 1460", "Dr. Martens"),
        ("A.P.C. jeans", "A.P.C."),
        ("h & m dress", "H&M"),
        ("polo ralph lauren shirt", "Polo Ralph Lauren"),
        ("Nike style 36-117", "Nike"),
        ("grey skirt\nbrand is addidas", "adidas"),
        ("Prada bag\ngoes well with Polo Ralph Lauren", "Prada"),
    ],
)
def test_a_brand_is_found_anywhere_in_any_spelling(text, brand):
    assert find_brand(text, KNOWN) == brand


@pytest.mark.parametrize(
    "text",
    [
        "Not Nike, but similar",
        "not a real Nike",
        "no Nike",
        "pas Nike",
        "nicht von Nike",
        "나이키 아님",
        "looks like Nike",
        "sac type Longchamp",
        "Nike style sneakers",
        "나이키 스타일 신발",
        "inspired by Chanel",
        "Black boots. I also sell Nike shoes",
        "Robe noire. Je vends aussi Zara",
        "Black Leather Boots",
        "",
    ],
)
def test_a_brand_that_the_piece_is_not_of_is_not_found(text):
    assert find_brand(text, KNOWN) == ""


@pytest.mark.parametrize(
    ("text", "brand"),
    [
        ("Only jeans black", "Only"),
        ("brand: Next", "Next"),
        ("marca mango", "Mango"),
        ("Gap hoodie", "Gap"),
        ("vestido rojo mango", "Mango"),
        ("Number (N)ine tee", "Number (N)ine"),
        ("NWT coach bag", "Coach"),
        ("Blue Coach Bag", "Coach"),
        ("자라 원피스", "Zara"),
        ("Only worn once", ""),
        ("worn ONLY once AND clean", ""),
        ("mind the gap", ""),
        ("Guess it fits", ""),
        ("i guess it fits M", ""),
        ("next day shipping", ""),
    ],
)
def test_an_ordinary_word_is_a_brand_only_where_the_context_says_so(text, brand):
    assert find_brand(text, KNOWN) == brand
