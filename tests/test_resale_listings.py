"""Second-hand listings: conditions, amounts of money, labels and the rows they become."""

import math

import numpy as np
import pandas as pd
import pytest

from common import dataset
from common.artifacts import Paths, RunConfig, StageError, write_csv
from common.merge import leakage
from common.merge.table import COLUMNS, merge_sources
from common.product_table import read_table
from resale import condition, labels, money, taxonomy
from resale.listings import read_listings

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


# --- category, gender, colour -------------------------------------------------------------------

CATEGORIES = {
    "Women/Shoes/Boots": "Shoes",
    "hommes/vetements/manteaux-and-vestes/vestes/vestes-chemises": "Outerwear",
    "hommes/vetements/costumes-and-blazers/pantalons-de-costume": "Bottomwear",
    "mujer/ropa/vestidos/otros": "Dresses",
    "uomo/vestiti/maglioni-e-pullover": "Knitwear",
    "heren/kleding/tops-en-shirts/overhemden/effen-overhemden": "Shirts",
    "여성의류/니트": "Knitwear",
    "남성 short-sleeve tees": "Tops",
    "レディース/トップス/Tシャツ/カットソー(半袖)": "Tops",
    "tops.button_ups": "Shirts",
    "Bags/Boy": "Accessories",
    "Dress Pants": "Bottomwear",
    "Women/Maternity": "",
    "": "",
}
GENDERS = {
    ("Men", "Shirts"): "Men",
    ("femmes", ""): "Women",
    ("남성", ""): "Men",
    ("", "kids-girls/dresses"): "Girls",
    ("Men", "Boys/Tops"): "Boys",
    ("enfants", "chaussures-bebe"): "",
    ("", "Bags/Boy"): "",
    ("F", ""): "Women",
}


@pytest.mark.parametrize(("raw", "category"), CATEGORIES.items())
def test_category_words_of_platforms_are_ours(raw, category):
    assert taxonomy.category(raw) == category


@pytest.mark.parametrize(("raw", "gender"), GENDERS.items())
def test_gender_words_of_platforms_are_ours(raw, gender):
    assert taxonomy.gender(*raw) == gender


def test_colours_and_other_goods():
    assert [taxonomy.colour(raw) for raw in ("NOIR, BLANC", "azul marino", "블랙", "?")] == [
        "black",
        "navy",
        "black",
        "",
    ]
    assert taxonomy.other_goods("maison/textiles/couvertures", "maison") == "home"
    assert taxonomy.other_goods("Women/Shoes", "Women") == ""


# --- files --------------------------------------------------------------------------------------

WORDS = "linen silk wool denim satin tweed fleece suede velvet mesh lace cord".split()


def listing(number: int, **fields) -> dict:
    """A row of 60 that differ in brand and title words, at 20 to 50 EUR."""
    words = [WORDS[number % 12], WORDS[number // 12 % 12]]
    row = {"title": f"{words[0]} coat {words[1]} trim {chr(97 + number % 26) * 3}"}
    row |= {"price": str(20 + number / 2), "currency": "EUR", "brand": f"Brand {number % 7}"}
    return row | fields


def write(raw, rows, name="shop.csv", encoding="utf-8", **options):
    folder = raw / "listings"
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / name, index=False, encoding=encoding, **options)
    return raw


def merge(raw):
    return merge_sources(Paths(raw.parent / "data", raw), listings=read_listings(raw))


def test_one_file_of_three_columns_is_enough(tmp_path):
    rows = [listing(number) for number in range(60)]
    raw = write(
        tmp_path / "raw", [{k: row[k] for k in ("title", "price", "currency")} for row in rows]
    )
    table, account = merge(raw)
    assert table.columns.tolist() == list(COLUMNS) and len(table) == 60
    assert set(table["market"]) == {"resale"} and set(table["platform"]) == {"shop"}
    assert table["product_key"][:2].tolist() == ["shop-1", "shop-2"]
    assert table["price_usd"][0] == pytest.approx(22.0)
    assert set(table["price_kind"]) == {"unknown"} and set(table["condition"]) == {""}
    assert set(table["split"]) == {"train", "validation", "test"}
    assert account["rows"][account["table"] == "listings"].sum() == 60
    assert leakage.audit(table)["rows"] == 60


QUIRKS = {
    "byte order mark": {"encoding": "utf-8-sig"},
    "UTF-16": {"encoding": "utf-16"},
    "semicolons": {"sep": ";"},
    "tabs": {"sep": "\t"},
}


@pytest.mark.parametrize("quirk", QUIRKS)
def test_files_as_spreadsheets_write_them_are_read(quirk, tmp_path):
    rows = [listing(number, description="très doux, 포근한 코트") for number in range(60)]
    raw = write(tmp_path / "raw", rows, **QUIRKS[quirk])
    table, _ = read_listings(raw)
    assert len(table) == 60 and set(table["description"]) == {"très doux, 포근한 코트"}


def test_decimal_commas_and_signs_are_prices(tmp_path):
    prices = {"1.299,00": 1429, "20,50": 22.55, "35 €": 38.5, "free": None, "-5": None, "0": None}
    rows = [listing(number) for number in range(60)]
    rows += [listing(60 + n, price=price, title=f"hat {price}") for n, price in enumerate(prices)]
    table, account = read_listings(write(tmp_path / "raw", rows, sep=";"))
    outcomes = {line[2]: line[3] for line in account if line[1] == "listings"}
    assert outcomes == {
        "kept": 62,
        "no price": 1,
        "price negative": 1,
        "price zero": 1,
        "price outlier": 1,
    }
    kept = table.set_index("product_key")["price_usd"]
    assert kept["shop-62"] == pytest.approx(22.55) and kept["shop-63"] == pytest.approx(38.5)


def test_every_row_is_accounted_for_by_platform(tmp_path):
    rows = [listing(number, source="plaza", condition_raw="Bon état") for number in range(60)]
    rows += [
        listing(61, source="plaza", currency="doubloons"),
        listing(62, source="plaza", currency=""),
        listing(63, source="plaza", title=""),
        listing(64, source="plaza", category_raw="maison/deco", title="lamp"),
        listing(1, source="plaza", condition_raw="Bon état"),
        listing(65, source="plaza", price="99999"),
        listing(66, source="market", condition_raw="so lala", price="90000", currency="KRW"),
    ]
    table, account = read_listings(write(tmp_path / "raw", rows))
    lines = {line[:3]: line[3:] for line in account}
    assert lines["plaza", "listings", "kept"][0] == 60
    assert lines["plaza", "listings", "currency never seen"] == (1, "doubloons 1")
    assert lines["plaza", "listings", "not wearable"] == (1, "home 1")
    for outcome in ("no currency", "no text", "exact duplicate", "price outlier"):
        assert lines["plaza", "listings", outcome][0] == 1, outcome
    assert lines["market", "condition", "words never seen"] == (1, "so lala 1")
    assert sum(line[3] for line in account if line[1] == "listings") == len(rows)
    assert set(table["condition"]) == {"good", ""}


BROKEN = {
    "no currency": ("title,price\nhat,3\n", r"shop\.csv lacks the column currency"),
    "no text": ("price,currency\n3,EUR\n", r"shop\.csv lacks the column title or description"),
    "another table": ("brand,median\nAcme,3\n", r"holds no listings: shop\.csv \(lacks price"),
    "empty": ("", r"holds no listings: shop\.csv"),
    "an open quote": (
        'title,price,currency\n"hat,3,EUR\nscarf,4,EUR\n',
        r"shop\.csv is broken \(a quote of line 2 is never closed\)",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_cannot_be_used_is_one_line(case, tmp_path):
    text, line = BROKEN[case]
    (tmp_path / "raw/listings").mkdir(parents=True)
    (tmp_path / "raw/listings/shop.csv").write_text(text)
    with pytest.raises(StageError, match=line):
        read_listings(tmp_path / "raw")


def test_other_encodings_are_refused_and_other_tables_left_aside(tmp_path, capsys):
    raw = write(tmp_path / "raw", [listing(n, description="été") for n in range(60)])
    write(raw, [{"brand": "Acme", "median": 3}], "levels.csv")
    assert len(read_listings(raw)[0]) == 60
    assert "no listings in levels.csv" in capsys.readouterr().out
    write(raw, [listing(n, description="été") for n in range(60)], encoding="cp1252")
    with pytest.raises(StageError, match="neither UTF-8 nor UTF-16"):
        read_listings(raw)


def test_a_broken_line_is_counted(tmp_path):
    raw = write(tmp_path / "raw", [listing(number) for number in range(60)])
    with (raw / "listings/shop.csv").open("a") as file:
        file.write("too,few\n")
    _, account = read_listings(raw)
    assert ("shop", "listings", "broken line", 1, "") in account


def test_prices_leave_the_text_and_a_new_price_has_its_field(tmp_path):
    rows = [listing(number) for number in range(60)]
    rows[0] |= {"description": "retail 150, asking 20", "price": "20"}
    rows[1] |= {"description": "price 120.50 or 120,50", "price": "120.50"}
    rows[2] |= {"description": "neu 21 EUR", "price": "21"}  # what is asked, of a new piece
    rows[3] |= {"description": "retail 150", "retail_price": "80"}
    table, _ = read_listings(write(tmp_path / "raw", rows))
    assert table["new_price_usd"][:4].round(2).fillna(0).tolist() == [165.0, 0, 0, 88.0]
    assert not table["description"].str.contains(r"\d").any()


def test_near_duplicates_share_a_side(tmp_path):
    rows = [listing(number) for number in range(200)]
    rows[7] |= {"title": "Red coat, size 38", "brand": "Acme"}
    rows[8] |= {"title": "coat RED (40)", "brand": "acme"}
    rows[9] |= {"description": "A warm coat of lambswool, worn for one winter in the city."}
    rows[10] |= {"description": "A warm coat of lambswool, worn for one winter in the city."}
    rows[11] |= {"split_group": "x"}
    rows[12] |= {"split_group": "x"}
    table, _ = read_listings(write(tmp_path / "raw", rows))
    for first in (7, 9, 11):
        pair = table.iloc[first : first + 2]
        assert pair["group"].nunique() == pair["split"].nunique() == 1
    assert table["group"].nunique() == 197
    share = table["split"].value_counts(normalize=True)
    assert share["test"] == pytest.approx(0.2, abs=0.03)
    assert share["validation"] == pytest.approx(0.16, abs=0.03)


def test_small_platforms_do_not_break_the_split(tmp_path):
    rows = [listing(number, source=f"shop {number % 9}") for number in range(60)]
    table, _ = read_listings(write(tmp_path / "raw", rows))
    assert set(table["split"]) == {"train", "validation", "test"}
    few = write(tmp_path / "few/raw", [listing(number) for number in range(3)])
    with pytest.raises(StageError, match="3 listings are too few to split"):
        read_listings(few)


def test_pictures_are_found_below_the_listings(tmp_path):
    rows = [listing(number) for number in range(60)]
    for row, name in zip(rows, ("photos/1.jpg", "photos/2.jpg", "../../secret.jpg"), strict=False):
        row["image"] = name
    raw = write(tmp_path / "raw", rows)
    (raw / "listings/photos").mkdir()
    (raw / "listings/photos/1.jpg").touch()
    (tmp_path / "secret.jpg").touch()
    table, _ = read_listings(raw)
    assert table["image_path"][:3].tolist() == ["listings/photos/1.jpg", "", ""]


def test_listings_stand_beside_the_catalogues(sample_raw, tmp_path):
    retail, _ = merge_sources(Paths(tmp_path, sample_raw))
    table, account = merge_sources(Paths(tmp_path, sample_raw), listings=read_listings(sample_raw))
    assert table[table["market"] == "retail"].equals(retail)
    resale = table[table["market"] == "resale"]
    rows = sum(len(pd.read_csv(path)) for path in (sample_raw / "listings").glob("*.csv"))
    assert account["rows"][account["table"] == "listings"].sum() == rows
    assert set(resale["condition"]) == {"", *condition.CONDITIONS}
    assert resale["normalized_category"].where(resale["product_type"] != "", "-").ne("").all()
    write_csv(table, tmp_path / "table.csv")
    back = read_table(tmp_path / "table.csv")
    for column in COLUMNS:
        pd.testing.assert_series_equal(back[column], table[column], check_dtype=False)


def test_a_table_of_an_older_run_is_of_the_catalogues(tmp_path):
    pd.DataFrame({"product_key": ["HNM:1"], "price_usd": [3]}).to_csv(tmp_path / "old.csv")
    assert read_table(tmp_path / "old.csv")["market"].tolist() == ["retail"]


def test_stages_of_the_catalogues_say_that_there_are_none(tmp_path):
    raw = write(tmp_path / "raw", [listing(number) for number in range(60)])
    run = RunConfig(Paths(tmp_path / "data", raw))
    write_csv(merge(raw)[0], run.paths.llm)
    with pytest.raises(StageError, match="has no retail products, only resale"):
        dataset.load(run)


# --- labels -------------------------------------------------------------------------------------


def labelled_table(seed=0):
    """Listings of five shops; the words of a garment tell its category, one shop states none."""
    rng, rows = np.random.default_rng(seed), []
    garments = {"Shoes": "boots sneakers", "Tops": "tee blouse", "Bottomwear": "jeans skirt"}
    for number in range(600):
        category = list(garments)[number % 3]
        shop, words = f"shop {number % 5}", garments[category].split()
        title = f"{rng.choice(WORDS)} {words[number % 2]} {rng.choice(['women', 'men', ''])}"
        native = shop != "shop 4"
        rows.append((f"{number}", shop, title, category if native else "", native, category))
    columns = "product_key platform title normalized_category category_is_native truth".split()
    table = pd.DataFrame(rows, columns=columns)
    table[["description", "brand", "size", "normalized_gender"]] = ""
    table["gender_is_native"], table["market"], table["group"] = (
        False,
        "resale",
        table["product_key"],
    )
    table["split"] = np.where(np.arange(600) % 7 == 0, "test", "train")
    return table


def test_labels_are_filled_by_words_where_a_shop_states_none(tmp_path):
    table = labelled_table()
    filled, account, model = labels.fill(table)
    unstated = ~table["category_is_native"]
    right = filled["normalized_category"] == table["truth"]
    assert right[~unstated].all() and right[unstated].mean() > 0.95
    women = table["title"].str.endswith(" women")
    assert (filled["normalized_gender"] == "Women").equals(women)
    lines = {line[:3]: line for line in account}
    assert lines["shop 4", "category", "predicted"][3] >= 114
    assert lines["shop 0", "category", "predicted right"][3] > 15
    assert not filled["category_is_native"][unstated].any()
    model.save(tmp_path)
    again = labels.ListingLabels.load(tmp_path).predict(table)
    pd.testing.assert_frame_equal(again, model.predict(table))


def test_too_few_rows_teach_nothing():
    table = labelled_table().iloc[:40]
    filled, _, model = labels.fill(table)
    assert not model.classes
    assert filled["normalized_category"].equals(table["normalized_category"])


# --- the real listings --------------------------------------------------------------------------


def test_the_real_listings(shared_data, tmp_path):
    path = shared_data / "listings" / "listings.csv"
    if not path.exists():
        pytest.skip("needs second-hand listings in ../shared/data/listings")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False).iloc[::50]
    table, account = read_listings(write(tmp_path / "raw", frame.to_dict("records")))
    assert sum(line[3] for line in account if line[1] == "listings") == len(frame)
    assert len(table) > 0.99 * len(frame)
    assert leakage.audit(table.assign(title=table["title"]))["own price"] == 0
    graded = table["condition"][
        table["product_key"].isin(frame["listing_id"][frame["condition_raw"] != ""])
    ]
    assert (graded != "").mean() > 0.99
    assert table["category_is_native"].mean() > 0.65
    share = table["split"].value_counts(normalize=True)
    assert share["test"] == pytest.approx(0.2, abs=0.02)
    assert table.groupby("group")["split"].nunique().max() == 1
