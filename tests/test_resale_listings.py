"""Second-hand listings: conditions, amounts of money, labels and the rows they become."""

import math

import pytest

from common.merge import leakage
from resale import condition, money

CONDITION_FIELDS = {
    "New with tags": "new with tags",
    "Neuf avec étiquette": "new with tags",
    "NUEVO CON ETIQUETAS": "new with tags",
    "Nový s visačkou": "new with tags",
    "Nowy z metką": "new with tags",
    "New without tags": "new",
    "Never worn": "new",
    "Nuovo senza cartellino": "new",
    "Neu ohne Etikett": "new",
    "새 상품(미사용)": "new",
    "新品、未使用": "new",
    "Like new": "very good",
    "TRÈS BON ÉTAT": "very good",
    "Ottime": "very good",
    "Velmi dobrý": "very good",
    "未使用に近い": "very good",
    "Bon état": "good",
    "Gut": "good",
    "目立った傷や汚れなし": "good",
    "New with defects": "good",
    "Satisfaisant": "fair",
    "Discrete": "fair",
    "やや傷や汚れあり": "fair",
    "": "",
    "ask me": "",
}
CONDITION_TEXTS = {
    "Silk scarf NWT, gift": "new with tags",
    "Robe longue, jamais portée": "new",
    "맨투맨 새상품급 아님, 미착용": "new",
    "Jupe comme neuve": "very good",
    "cappotto usato una volta, come nuovo": "very good",
    "Falda en buen estado": "good",
    "Mantel, guter Zustand, keine Flecken": "good",
    "jean avec une tache au genou": "fair",
    "Jacket without any visible stains": "",
    "New Balance 530": "",
}
NEW_PRICES = [  # (text, currency, new price, what is left)
    ("Trench, retail 450", "USD", 450, "Trench, retail"),
    ("MSRP $1,200 silk", "USD", 1200, "MSRP silk"),
    ("Kleid, neu 120 EUR", "EUR", 120, "Kleid, neu"),
    ("Prix neuf 89€, vendu 20", "EUR", 89, "Prix neuf vendu"),
    ("valeur 1 200,50 €", "EUR", 1200.5, "valeur"),
    ("borsa pagata 150", "EUR", 150, "borsa pagata"),
    ("comprada por 60 euros", "EUR", 60, "comprada por"),
    ("původní cena 1 200 Kč", "CZK", 1200, "původní cena"),
    ("nowe kosztowały 300 zł", "PLN", 300, "nowe kosztowały"),
    ("정가30만원 코트", "KRW", 300_000, "정가 코트"),
    ("정가 45", "KRW", 450_000, "정가"),
    ("定価 12,000円です", "JPY", 12_000, "定価 です"),
    ("retail $110", "EUR", 100, "retail"),
    ("was $450 retail, now $90", "USD", 450, "was retail, now"),
]
ASKED = [  # (text, currency, what is left)
    ("Shirt, asking 40", "USD", "Shirt, asking"),
    ("20€ la paire, taille 38", "EUR", "la paire, taille 38"),
    ("5만5천원 네고 가능", "KRW", "네고 가능"),
    ("3만 팝니다", "KRW", "팝니다"),
    ("cena 350 Kč", "CZK", "cena"),
]
NO_MONEY = [
    "neu 37",
    "24 원피스",
    "501 jeans size 32",
    "worth 2 years",
    "100% cotton",
    "정가 44사이즈",
]


@pytest.mark.parametrize(("raw", "grade"), CONDITION_FIELDS.items())
def test_condition_fields_of_platforms_have_a_grade(raw, grade):
    assert condition.from_field(raw) == grade
    assert grade == "" or grade in condition.CONDITIONS


@pytest.mark.parametrize(("text", "grade"), CONDITION_TEXTS.items())
def test_conditions_are_read_from_texts(text, grade):
    assert condition.from_text(text) == grade


@pytest.mark.parametrize(("text", "currency", "price", "rest"), NEW_PRICES)
def test_a_stated_new_price_is_read_and_leaves_the_text(text, currency, price, rest):
    new, left = money.read(text, currency)
    assert new == pytest.approx(price, rel=1e-4)
    assert left == rest


@pytest.mark.parametrize(("text", "currency", "rest"), ASKED)
def test_other_amounts_leave_the_text(text, currency, rest):
    new, left = money.read(text, currency)
    assert math.isnan(new)
    assert left == rest
    assert not leakage.MONEY.search(left)


@pytest.mark.parametrize("text", NO_MONEY)
def test_numbers_that_are_no_money_stay(text):
    new, left = money.read(text, "EUR" if text.isascii() else "KRW")
    assert math.isnan(new) and left == text


def test_currencies_have_codes_and_rates():
    codes = [money.currency_code(raw) for raw in ("eur", " € ", "Kč", "원", "US$", "doubloons", "")]
    assert codes == ["EUR", "EUR", "CZK", "KRW", "USD", "", ""]
