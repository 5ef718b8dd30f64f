"""What a seller's line says of size and number of pieces."""

import pytest

from resale.reading import is_lot, size


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("black blazer size M", "M"),
        ("black blazer Size: medium", "M"),
        ("boots EU 38", "EU 38"),
        ("boots 38,5 EU", "EU 38.5"),
        ("sneakers sz 9.5 mens", "9.5"),
        ("sneakers UK 8", "UK 8"),
        ("falda talla M", "M"),
        ("jupe taille 38", "38"),
        ("Kleid Größe 40/42", "40/42"),
        ("Kleid Gr. XL", "XL"),
        ("maglia taglia s", "S"),
        ("spodnie rozmiar 36", "36"),
        ("tričko velikost L", "L"),
        ("검정 자켓 사이즈 L", "L"),
        ("운동화 270사이즈", "270"),
        ("jeans W32 L34", "W32 L34"),
        ("jeans w31/l32 blue", "W31 L32"),
        ("jeans 32x34", "W32 L34"),
        ("pull noir T38", "38"),
        ("[L] grey hoodie", "L"),
        ("grey hoodie XXL", "XXL"),
        ("grey hoodie M.", "M"),
        ("bonnet taille unique", "one size"),
        ("프리사이즈 가디건", "one size"),
        ("H & M dress", ""),
        ("M&S dress", ""),
        ("it's a nice bag, 38 cm wide", ""),
        ("Levi's 501", ""),
        ("chuck 70 de luxe", ""),
        ("it fits 2 of us", ""),
        ("skirt 42it", "IT 42"),
        ("worn 2 times", ""),
        ("medium wash jeans", ""),
        ("", ""),
    ],
)
def test_a_size_is_read_in_many_ways_of_writing(text, stated):
    assert size(text) == stated


@pytest.mark.parametrize(
    "text",
    [
        "bundle of 3 t-shirts",
        "Lot de 3 bodies",
        "lotto 4 maglie",
        "lote de dos blusas",
        "3er Set Shirts",
        "zestaw 3 koszulek",
        "반팔 3벌",
        "티셔츠 일괄",
        "socks, pack of 5",
        "Tシャツ3枚セット",
    ],
)
def test_a_lot_is_noticed(text):
    assert is_lot(text)


@pytest.mark.parametrize(
    "text",
    [
        "Levi's 501",
        "a lot of pockets",
        "backpack 2 straps",
        "Lotto shirt",
        "size 3",
        "pilot jacket",
    ],
)
def test_one_piece_is_no_lot(text):
    assert not is_lot(text)
