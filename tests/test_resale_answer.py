"""The answer to a second-hand listing: ask, sold, range, comparables, what would narrow it."""

import csv
import json
import time
from dataclasses import asdict, fields

import numpy as np
import pandas as pd
import pytest
from fake_resale import SOLD, STEP, fake_resale
from PIL import Image
from shell import run_here

import predict_price
from common.artifacts import StageError
from common.embed.images import BrokenImageError
from pricing import batch, stated, strings
from pricing.page import card, form
from pricing.predictor import DOUBTS, REFUSALS, ListingInput, PriceEstimate
from resale.comparables import Comparables
from resale.condition import CONDITIONS


@pytest.fixture(scope="module")
def predictor():
    return fake_resale()


@pytest.fixture
def ask(predictor):
    """ask("Nike boots", condition="good") -> PriceEstimate"""

    def predict(text: str = "", image=None, **values: str) -> PriceEstimate:
        stated_fields = stated.fields(values, predictor.platforms)
        return predictor.predict([ListingInput(text, image, stated_fields)])[0]

    return predict


def test_the_answer_says_what_to_ask_and_what_such_pieces_sold_for(ask):
    answer = ask("Nike boots, very good condition, size M")
    assert answer.market == "resale" and answer.refusal is None
    assert answer.price_usd == pytest.approx(20)
    assert answer.low_usd < answer.price_usd < answer.high_usd
    assert answer.sold_usd == pytest.approx(20 * np.exp(SOLD))
    assert answer.condition == "very good"
    assert answer.labels["category"].value == "Shoes"
    assert answer.attributes["brand"] == "Nike" and answer.attributes["size"] == "M"
    assert answer.currency == "USD" and answer.price == answer.price_usd
    assert json.loads(json.dumps(asdict(answer), default=str))["sold_usd"] == answer.sold_usd


def test_platforms_tell_sold_prices_only_where_the_data_know(ask):
    assert ask("Nike boots", platform="attic").sold_usd == pytest.approx(20 * np.exp(SOLD))
    assert ask("Nike boots", platform="closet_eu").sold_usd is None
    only_sold = ask("Nike boots", platform="closet_us")
    assert only_sold.sold_usd == only_sold.price_usd


@pytest.mark.parametrize(
    "text",
    [
        "나이키 부츠 새상품",
        "Nike boots, brand new",
        "NIKE 부츠 새 상품",
        "boots from Nike, never worn",
    ],
)
def test_a_line_is_priced_alike_in_any_language_and_order(ask, text):
    answer = ask(text)
    assert answer.condition == "new"
    assert answer.price_usd == pytest.approx(20 * np.exp(STEP))


def test_a_better_condition_is_never_cheaper(ask):
    prices = [ask("Nike boots", condition=grade).price_usd for grade in CONDITIONS]
    assert prices == sorted(prices)


def test_what_is_stated_wins_over_what_is_read(ask):
    assert ask("Nike boots, worn out", condition="new").condition == "new"
    assert ask("Nike boots", brand="Gucci").price_usd == pytest.approx(80)
    stated_category = ask("Nike boots", category="Dresses")
    assert stated_category.labels["category"].value == "Dresses"
    assert "contradiction" in stated_category.doubts


def test_amounts_are_read_in_their_currency_and_do_not_leak(ask):
    plain = ask("Nike boots")
    assert plain.new_price_usd is None
    new = ask("Nike boots, retail 450 EUR")
    assert new.currency == "EUR" and new.new_price_usd == pytest.approx(495)
    assert new.price == pytest.approx(new.price_usd / 1.1)
    assert ask("Nike boots", new_price="450", currency="EUR").new_price_usd == pytest.approx(495)
    asked = ask("Nike boots 900 €")
    assert asked.price_usd == plain.price_usd and asked.currency == "EUR"
    won = ask("나이키 부츠", currency="KRW")
    assert won.price == pytest.approx(won.price_usd * 1350, rel=1e-3)


def test_comparables_are_listings_of_the_kind_and_lead_to_nobody(ask, predictor):
    answer = ask("Nike boots, good condition")
    assert len(answer.comparables) == 5
    for one in answer.comparables:
        assert one.brand == "Nike" and ("boots" in one.title or "부츠" in one.title)
        assert one.price_kind in ("asked", "sold") and one.platform in predictor.platforms
        assert one.condition in CONDITIONS and one.price_usd > 0 and 0 <= one.similarity <= 1
    assert answer.comparables[0].condition == "good"
    assert "1234567" not in json.dumps(asdict(answer), default=str)
    cleaned = Comparables.fit(
        predictor_table(titles="boots mail me@shop.example +49 170 1234567 @someone [user]")
    )
    assert set(cleaned.titles) == {"boots mail"}


def predictor_table(titles: str):
    from fake_resale import listings

    return listings().assign(title=titles)


def test_missing_fields_are_ordered_by_what_they_would_narrow(ask):
    narrows = dict(ask("boots").narrows)
    assert list(narrows) == ["brand", "condition", "new_price"]
    assert narrows["condition"] == pytest.approx(np.std(STEP * np.arange(5)))
    known = dict(ask("Nike boots", condition="good", new_price="90").narrows)
    assert not known


def test_what_cannot_be_used_is_refused_or_named(ask):
    assert ask().refusal == "no_input"
    nonsense = ask("xqzt wrtzk 123")
    assert nonsense.refusal == "no_input" and "unclear_text" in nonsense.doubts
    assert nonsense.ood_score >= 0.5 and nonsense.price_usd is None
    assert ask("boots", brand="Zorblax").doubts == ("unknown_brand",)
    assert "lot" in ask("bundle of 3 Nike boots").doubts
    assert "text_truncated" in ask("boots " * 900).doubts
    photo = Image.new("RGB", (40, 40))
    assert "photo_unread" in ask("boots", photo).doubts
    assert ask("", photo).refusal == "no_input"
    with pytest.raises(BrokenImageError):
        ask("boots", Image.new("RGB", (4, 4)))


def test_a_photo_is_looked_at_by_the_retail_models():
    from pricing.predictor import Label

    class Retail:
        def predict(self, listings):
            assert all(not listing.text for listing in listings)
            return [
                PriceEstimate(ood_score=0.1, labels={"category": Label("Dresses", 0.97)})
                if listing.image.size == (40, 40)
                else PriceEstimate(refusal="no_garment", ood_score=0.8)
                for listing in listings
            ]

    shop = fake_resale(load_retail=Retail)
    garment, other = Image.new("RGB", (40, 40)), Image.new("RGB", (50, 50))
    alone, both, none, ignored = shop.predict(
        [
            ListingInput("", garment),
            ListingInput("Nike boots", garment),
            ListingInput("", other),
            ListingInput("Nike boots", other),
        ]
    )
    assert alone.labels["category"].value == "Dresses" and alone.price_usd
    assert "contradiction" in both.doubts
    assert none.refusal == "no_garment"
    assert ignored.doubts == ("no_garment",) and ignored.price_usd


def test_every_refusal_and_doubt_is_a_known_code(ask):
    for answer in (ask(), ask("xqzt"), ask("3 lots of boots", brand="Zorblax")):
        assert answer.refusal in (None, *REFUSALS) and set(answer.doubts) <= set(DOUBTS)


# What is stated


def test_stated_values_are_known_in_the_words_of_marketplaces():
    got = stated.fields(
        {
            "condition": "Très bon état",
            "category": "shoes",
            "platform": "closet",
            "currency": "€",
            "new_price": "1 200,50",
            "brand": "",
            "size": None,
        },
        ["closet_eu", "closet_us"],
    )
    assert got == {
        "condition": "very good",
        "normalized_category": "Shoes",
        "platform": "closet_eu",
        "currency": "EUR",
        "new_price": "1200.5",
    }


@pytest.mark.parametrize(
    ("name", "value", "possible"),
    [
        ("condition", "purple", "new with tags"),
        ("category", "Robots", "Shoes"),
        ("gender", "Martian", "Women"),
        ("platform", "nowhere", "closet_eu"),
        ("currency", "XYZ", "EUR"),
        ("new_price", "-3", "number"),
    ],
)
def test_what_is_not_known_is_refused_by_name_with_what_is_possible(name, value, possible):
    with pytest.raises(stated.StatedError) as raised:
        stated.fields({name: value}, ["closet_eu"])
    assert name.replace("_", "-") in str(raised.value) and value in str(raised.value)
    assert possible in str(raised.value)


def test_the_command_asks_for_what_makes_the_model(tmp_path):
    done = run_here("predict_price.py", "--data-dir", tmp_path, "--market", "resale", "--text", "x")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "regression_ML.py --market resale" in done.stderr


def test_the_terminal_shows_the_answer(ask, predictor, capsys):
    predict_price.print_estimate(ask("Nike boots, like new, retail 90 EUR"), predictor.training)
    lines = capsys.readouterr().out.splitlines()
    names = [line[:12].strip() for line in lines if not line.startswith(" ")]
    assert names[:3] == ["price", "sold for", "cost new"] and names[-1] == "training"
    assert lines[0].startswith("price       €") and "90 % range" in lines[0]
    assert "very good" in lines[names.index("condition")]
    comparable = lines[names.index("comparable")]
    assert "asked" in comparable or "sold" in comparable
    assert "second-hand listings" in lines[-1]


# CSV


def test_a_marketplaces_own_export_is_priced(tmp_path):
    shop = fake_resale(details=False)
    source, target = tmp_path / "export.csv", tmp_path / "priced.csv"
    rows = [
        "source,listing_id,title,description,brand,category_raw,gender_raw,condition_raw,size_raw,"
        "colour_raw,material_raw,price,currency,price_kind,retail_price,date,image,split_group",
        'attic,attic-1,Botas,"casi nuevas",nike,Shoes,Women,Muy bueno,38,negro,,999,EUR,asked,,,,a',
        "attic,attic-2,나이키 부츠,,,,,,,,,1,KRW,sold,,,,b",
        "elsewhere,e-3,Nike boots,,,,,whatever,,,,5,GBP,asked,120,,,c",
        "attic,attic-4,,,,,,,,,,7,EUR,asked,,,,d",
        "attic,attic-5,Nike boots,,,,,,,,,7,XYZ,asked,,,,e",
    ]
    source.write_text("\n".join(rows) + "\n", "utf-8")
    batch.price_csv(lambda: shop, source, target)
    first, second, third = csv.DictReader(target.open(encoding="utf-8"))
    assert [row["id"] for row in (first, second, third)] == ["attic-1", "attic-2", "e-3"]
    assert first["condition"] == "very good" and first["currency"] == "EUR"
    assert float(first["price"]) == pytest.approx(20 / 1.1, abs=0.01)
    assert float(first["sold_usd"]) < float(first["price_usd"])
    assert second["brand"] == "Nike" and second["category"] == "Shoes"
    assert "unknown_platform" in third["doubts"]
    aside = (tmp_path / "priced.csv.set_aside.csv").read_text("utf-8")
    assert "neither image nor text" in aside and "'XYZ'" in aside
    assert "attic-1" not in target.read_text("utf-8").split("\n", 1)[1].replace("attic-1", "", 1)


HEADER, BRANDS = "id,title\n", ("Nike", "Gucci", "Nike", "Gucci")
ROWS = {name: f"{name},{brand} boots\n" for name, brand in zip("abcd", BRANDS, strict=True)}


def priced(folder, text: str, encoding="utf-8") -> list[dict[str, str]]:
    source, target = folder / "list.csv", folder / "priced.csv"
    source.write_text(text, encoding)
    shop = fake_resale(details=False)
    batch.price_csv(lambda: shop, source, target)
    return list(csv.DictReader(target.open(encoding="utf-8")))


def test_an_edited_list_is_priced_whole_and_only_it(tmp_path):
    first = priced(tmp_path, HEADER + ROWS["a"] + ROWS["b"] + ROWS["b"])
    assert [row["id"] for row in first] == ["a", "b", "b"]  # twice the same row is two rows
    edited = priced(tmp_path, HEADER + ROWS["c"] + ROWS["b"] + ROWS["d"])
    assert [(row["row"], row["id"]) for row in edited] == [("1", "c"), ("2", "b"), ("3", "d")]
    assert edited[1] == first[1]
    # Columns in another order, and an empty one, are the same rows.
    moved = priced(tmp_path, "title,id,brand\n" + "Gucci boots,b,\n")
    assert moved == [edited[1] | {"row": "1"}]


def test_another_list_is_not_answered_with_the_prices_of_the_first(tmp_path):
    before = priced(tmp_path, HEADER + ROWS["a"])
    with pytest.raises(StageError, match="another list; choose another --out"):
        priced(tmp_path, HEADER + ROWS["b"])
    assert list(csv.DictReader((tmp_path / "priced.csv").open())) == before


def test_why_is_one_column_in_words_beside_numbers_or_nothing(tmp_path):
    rows = priced(tmp_path, "id,title,source\na,Nike boots,elsewhere\nb,...,\n")
    assert float(rows[0]["price_usd"]) > 0 and rows[0]["currency"] == "USD"
    assert rows[0]["doubts"] and rows[0]["why"].startswith(
        strings.reason("en", rows[0]["doubts"].split()[0])
    )
    assert rows[1]["refusal"] and rows[1]["why"].startswith(
        strings.reason("en", rows[1]["refusal"])
    )
    assert {rows[1][name] for name in batch.PRICES} == {""}


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_list_is_read_as_spreadsheets_write_it(separator, encoding, tmp_path):
    lines = ["ID,Text,Brand", 'a,"Nike boots\n""as new""",Nike', "", "b,나이키 부츠,,"]
    text = "\r\n".join(lines).replace(",", separator)
    rows = priced(tmp_path, text, encoding)
    assert [row["id"] for row in rows] == ["a", "b"]
    assert all(float(row["price"]) > 0 for row in rows)


UNREADABLE = {
    "empty": ("", "is empty"),
    "blank lines": ("\n\n", "is empty"),
    "a header": (HEADER, "no rows"),
    "other columns": ("sku,name\n1,boots\n", "none of its columns sku, name is"),
    "a quote open to the end": (HEADER + 'a,"x\nb,y\nc,z', "quote of line 2 is never closed"),
    "open in the last line": (HEADER + ROWS["a"] + 'b,"y\n', "quote of line 3 is never closed"),
    "open up to another quote": (
        HEADER + ROWS["a"] + 'b,"y\nc,"z"\nd,w\n',
        "quote of line 3 is never closed",
    ),
    "open for long": (HEADER + 'a,"x\n' + "b,boots\n" * 20_000, "quote of line 2 is never"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_list_that_cannot_be_read_is_refused_in_one_line(case, tmp_path):
    text, line = UNREADABLE[case]
    with pytest.raises(StageError, match=line) as raised:
        priced(tmp_path, text)
    assert "\n" not in str(raised.value) and not (tmp_path / "priced.csv").exists()


def test_a_new_price_is_read_as_in_training_and_in_its_own_currency():
    amounts = {"1,299.00": "1299", "1.299,00": "1299", "1,200": "1200", "1 200,50": "1200.5"}
    amounts |= {"19,90": "19.9", "110 USD": "110", "$110": "110", "1234567": "1234567"}
    amounts |= {"110 EUR": "", "-5": "", "0": "", "cheap": "", "": ""}
    assert {raw: stated.new_price(raw, None) for raw in amounts} == amounts
    assert stated.new_price("110 €", "EUR") == "110"


def test_prices_of_a_csv_are_those_of_its_rows_alone(predictor):
    shop = fake_resale(details=False)
    many = [ListingInput(f"{brand} boots") for brand in ("Nike", "Gucci") * 300]
    started = time.monotonic()
    answers = shop.predict(many)
    assert time.monotonic() - started < 20
    assert answers[0].price_usd == predictor.predict(many[:1])[0].price_usd
    assert answers[1].comparables == predictor.predict(many[1:2])[0].comparables


def test_an_index_is_read_as_it_was_written(predictor, tmp_path):
    predictor.comparables.save(tmp_path)
    again = Comparables.load(tmp_path)
    for one in fields(Comparables):
        ours, theirs = (getattr(index, one.name) for index in (predictor.comparables, again))
        if one.name == "matrix":
            assert (ours != theirs).nnz == 0
        elif isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, theirs)
        else:
            assert ours == theirs
    query = (["Nike boots"], [{"brand": "nike"}])
    assert again.look_up(*query) == predictor.comparables.look_up(*query)
    with pytest.raises(StageError, match="regression_ML"):
        Comparables.load(tmp_path / "nowhere")


def test_who_names_no_brand_is_compared_with_pieces_of_none():
    rows = [("Prada leather bag", "Prada", "luxury", 900.0)] * 30
    rows += [(f"leather bag {n}", "", "flea", 20.0 + n) for n in range(8)]
    table = pd.DataFrame(rows, columns=["title", "brand", "platform", "price_usd"])
    index = Comparables.fit(table.assign(normalized_category="Accessories"))
    plain, named = index.look_up(["leather bag"] * 2, [{"brand": ""}, {"brand": "prada"}])
    assert plain.platforms["flea"] > 0.99 > 0.01 > named.platforms["flea"]
    assert all(index.price_usd[row] < 100 for row, _ in plain.nearest)
    assert all(index.price_usd[row] == 900 for row, _ in named.nearest)


# Page


def test_the_page_shows_the_answer_and_takes_what_is_known(predictor, tmp_path):
    page = form.Page(predictor, tmp_path)
    values = {"condition": "new", "currency": "EUR", "platform": "attic"}
    *_, (html, answer) = page.answer(
        "en", None, "Nike boots, retail 90 EUR", *(values.get(name, "") for name in form.FIELDS)
    )
    assert answer.condition == "new" and answer.currency == "EUR"
    for shown in (
        "A price to ask",
        "€",
        "sold for about",
        "It cost €90.00 new",
        "Comparable listings",
    ):
        assert shown in html
    korean = card.result("ko", answer, predictor.training)
    assert "제안 판매가" in korean and "새 상품" in korean and "팔린 가격" in korean
    narrowed = card.result("en", predictor.predict([ListingInput("boots")])[0], predictor.training)
    assert "What would narrow the range" in narrowed and "Condition" in narrowed
