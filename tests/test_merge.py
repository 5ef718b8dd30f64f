"""One table from both downloads: nothing lost, nothing silent, no price in the text."""

import contextlib
import json

import numpy as np
import pandas as pd
import pytest

from common import product_table
from common.artifacts import FASHION_FOLDER, HNM_FOLDER, Paths, StageError, write_csv
from common.merge import leakage, sources, splits, taxonomy
from common.merge.table import COLUMNS, merge_sources, summarize
from common.product_table import read_table
from Use_LLM_for_preprocess import check_sources


def build(raw, tmp_path, **options):
    return merge_sources(Paths(tmp_path / "data", raw), **options)


@pytest.fixture(scope="module")
def sample(sample_table):
    return sample_table


@pytest.fixture(scope="module")
def truth(sample_raw):
    return (
        pd.read_csv(sample_raw / "truth.csv").set_index("product_key"),
        json.loads((sample_raw / "truth.json").read_text("utf-8"))["planted"],
    )


def outcomes(account, source):
    rows = account[(account["source"] == source) & account["table"].isin(["articles", "styles"])]
    return rows.set_index("outcome")["rows"].to_dict()


def test_planted_cases_are_kept_or_dropped_as_meant(sample, truth):
    table, _ = sample
    keys = set(table["product_key"])
    for cases in truth[1].values():
        for case, planted in cases.items():
            kept = planted["outcome"].startswith("kept")
            assert (set(planted["product_keys"]) <= keys) == kept, case
            assert kept or not set(planted["product_keys"]) & keys, case


def test_prices_and_labels_are_the_true_ones(sample, truth):
    table, _ = sample
    true = truth[0].loc[table["product_key"]]
    np.testing.assert_allclose(table["price_usd"], true["observed_usd"], rtol=1e-6)
    assert table["normalized_category"].tolist() == true["category"].tolist()
    assert table["normalized_gender"].tolist() == true["gender"].tolist()
    native = table["usage_is_native"].to_numpy()
    assert table["normalized_usage"][native].tolist() == true["usage"][native].tolist()
    assert set(table["dataset_source"][native]) == {"FASHION"}


def test_the_sample_account_adds_up(sample, sample_raw):
    table, account = sample
    articles = pd.read_csv(sample_raw / HNM_FOLDER / "articles.csv")
    rows = account.groupby("table")["rows"].sum()
    assert rows["articles"] == len(articles)
    sales = (sample_raw / HNM_FOLDER / "transactions_train.csv").read_text().splitlines()
    assert rows["transactions"] == len(sales) - 1
    assert outcomes(account, "HNM")["kept"] == (table["dataset_source"] == "HNM").sum()
    fashion = outcomes(account, "FASHION")
    assert fashion["kept"] == (table["dataset_source"] == "FASHION").sum()
    for reason in ("no image", "no JSON", "broken JSON", "price zero", "not wearable"):
        assert fashion[reason] == 1, reason
    unseen = account[account["outcome"] == "type never seen"]
    assert unseen["detail"].tolist() == ["Glow Capes 1"]  # reported by name


def test_the_account_is_printed_in_short(sample, raw, tmp_path, capsys):
    head, hnm, fashion, *unseen = summarize(sample[1]).splitlines()
    assert head.split("  ")[0] == "source" and head.endswith("set aside")
    counts = sample[0]["dataset_source"].value_counts()
    assert [line.split()[:2] for line in (hnm, fashion)] == [["HNM", "83"], ["FASHION", "60"]]
    assert [int(line.split()[2]) for line in (hnm, fashion)] == list(counts[["HNM", "FASHION"]])
    assert hnm.split()[3:5] == ["23", "4"]  # colours of another row, and set aside
    assert unseen == ["FASHION, type never seen: Glow Capes 1"]
    build(raw, tmp_path)
    assert capsys.readouterr().out == summarize(sample[1]) + "\n"


def test_table_survives_the_file(sample, tmp_path):
    table, _ = sample
    assert table.columns.tolist() == list(COLUMNS)
    write_csv(table, tmp_path / "merged.csv")
    back = read_table(tmp_path / "merged.csv")
    for column in COLUMNS:
        pd.testing.assert_series_equal(back[column], table[column], check_dtype=False)


def test_study_text_carries_the_price_and_the_same_split(sample, sample_raw, tmp_path):
    clean, _ = sample
    study, _ = build(sample_raw, tmp_path, study_text=True)
    fashion = study["dataset_source"] == "FASHION"
    assert study["description"][fashion].str.contains(r"price: \d+ rating: \d vat: [\d.]+$").all()
    assert study["description"][~fashion].tolist() == clean["description"][~fashion].tolist()
    assert study[["split", "group"]].equals(clean[["split", "group"]])
    assert leakage.audit(study, text="study")["own price"] > 0.5 * fashion.sum()


def test_another_statistic_is_another_target(shared_data, tmp_path):
    raw = shared_data / "fixture"
    table, _ = build(raw, tmp_path, statistic="high")
    prices, _ = sources.article_prices(raw / HNM_FOLDER / "transactions_train.csv", "high")
    expected = prices.groupby("HNM:" + prices["article_id"].str[:7])["price"].median() * 678.5
    hnm = table[table["dataset_source"] == "HNM"].set_index("product_key")
    pd.testing.assert_series_equal(hnm["price_usd"], expected[hnm.index], check_names=False)


def test_negative_and_missing_prices_are_counted(raw, tmp_path):
    folder = raw / FASHION_FOLDER / "styles"
    good = sorted(build(raw, tmp_path)[0]["product_key"])[:3]
    for key, price in zip(good, (-5, None, 1e12), strict=True):
        path = folder / f"{key.removeprefix('FASHION:')}.json"
        content = json.loads(path.read_bytes())
        content["data"]["discountedPrice"] = price
        path.write_text(json.dumps(content))
    table, account = build(raw, tmp_path)
    assert not set(good) & set(table["product_key"])
    found = outcomes(account, "FASHION")
    assert found["price negative"] == found["no price"] == found["price outlier"] == 1


def test_prices_in_internal_names_go(sample, raw, tmp_path):
    kept = sample[0][sample[0]["dataset_source"] == "HNM"].set_index("product_key")
    names = {
        "Chip Jogger 19.99:-": "Chip Jogger",
        "Vintage Ankle 39.99": "Vintage Ankle",
        "Printed Hood B2 24.99:": "Printed Hood B2",
        "RR 47.4/5 Wrap dress": "RR 47.4/5 Wrap dress",
        "LOW PRICE TEE": "TEE",
        "Slim 5pkt Midprice": "Slim 5pkt",
        "9.99": kept["product_type"].iloc[6],  # nothing else is left of it
    }
    renamed = dict(zip(kept.index, names, strict=False))
    path = raw / HNM_FOLDER / "articles.csv"
    articles = pd.read_csv(path, dtype=str, keep_default_na=False)
    new = ("HNM:" + articles["article_id"].str[:7]).map(renamed)
    articles["prod_name"] = new.fillna(articles["prod_name"])
    articles.to_csv(path, index=False)
    table, account = build(raw, tmp_path)
    titles = table.set_index("product_key")["title"]
    assert titles[list(renamed)].tolist() == list(names.values())
    assert account.set_index("table")["rows"]["title"] == 6


def test_a_flat_folder_of_photos_and_a_nested_one_of_json_change_nothing(sample, raw, tmp_path):
    for photo in raw.glob(f"{HNM_FOLDER}/images/*/*.jpg"):
        photo.rename(photo.parent.parent / photo.with_suffix(".JPG").name)
    styles = raw / FASHION_FOLDER / "styles"
    styles.rename(raw / "moved")
    styles.mkdir()
    (raw / "moved").rename(styles / "styles")
    table, account = build(raw, tmp_path)
    assert all((raw / path).is_file() for path in table["image_path"])
    pd.testing.assert_frame_equal(
        table.drop(columns="image_path"), sample[0].drop(columns="image_path")
    )
    assert account["rows"].tolist() == sample[1]["rows"].tolist()


@pytest.mark.parametrize(
    ("rows", "refused"),
    [
        ([("kept", 50), ("no image", 50)], False),
        ([("kept", 49), ("no image", 51)], True),
        ([("kept", 20), ("no image", 40), ("no price", 40)], False),  # no single reason
        ([("kept", 1), ("kept with its variant", 98), ("no image", 1)], False),
        ([("kept", 1), ("no image", 18)], False),  # a marketplace of a few rows
    ],
)
def test_one_reason_for_most_rows_of_a_source_ends_the_run(sample, rows, refused):
    lines = [("shop", "listings", outcome, n, "") for outcome, n in rows]
    account = pd.concat([sample[1], pd.DataFrame(lines, columns=sample[1].columns)])
    account = account.reset_index(drop=True)
    check_sources(sample[0], account, allow_losses=True)
    line = r"51 of 100 listings of shop .*\(no image\)"
    with pytest.raises(StageError, match=line) if refused else contextlib.nullcontext():
        check_sources(sample[0], account, allow_losses=False)


@pytest.mark.parametrize(("source", "factor"), [("HNM", 590), ("FASHION", 0.011)])
def test_a_catalogue_of_another_scale_ends_the_run(sample, source, factor):
    table = sample[0].copy()
    table.loc[table["dataset_source"] == source, "price_usd"] *= factor
    with pytest.raises(StageError, match=f"median product of {source} would cost .* 1 to 1,000"):
        check_sources(table, sample[1], allow_losses=True)


def test_nothing_usable_is_said(raw, tmp_path):
    for image in [*raw.glob("*/images/*.jpg"), *raw.glob("*/images/*/*.jpg")]:
        image.unlink()
    with pytest.raises(StageError, match="no product of .* can be used"):
        build(raw, tmp_path)


def test_listing_text():
    table = pd.DataFrame({"title": ["Tee", "Tee"], "description": ["Soft.", ""]})
    assert product_table.listing_text(table) == ["Tee. Soft.", "Tee"]


@pytest.mark.parametrize(
    ("part", "raw_rows", "at_least"),
    [
        ("fixture", {"articles": 883, "transactions": 6757, "styles": 691}, 1190),
        ("study", {"articles": 8789, "transactions": 71539, "styles": 7000}, 10300),
    ],
)
def test_the_real_downloads(shared_data, tmp_path, part, raw_rows, at_least):
    table, account = build(shared_data / part, tmp_path)
    assert account.groupby("table")["rows"].sum()[list(raw_rows)].to_dict() == raw_rows
    assert not account["outcome"].str.contains("never seen").any()
    assert len(table) >= at_least
    assert table["product_key"].is_unique
    # What is dropped as not wearable is dropped by name.
    names = " ".join(account["detail"][account["outcome"] == "not wearable"])
    assert "Socks" in names and "Watch" in names and "Bra " not in names
    assert (table[["title", "image_path", "price_usd", "split", "group"]] != "").all(axis=None)
    assert all((shared_data / part / path).is_file() for path in table["image_path"][::50])
    assert set(table["normalized_category"]) == set(taxonomy.CATEGORIES)
    assert set(table["normalized_gender"]) == set(taxonomy.GENDERS)
    assert leakage.audit(table)["texts"] == 0
    group = table["group"].value_counts()
    assert group.max() <= max(200, splits.LARGEST_GROUP * len(table))
    share = table.groupby("dataset_source")["split"].value_counts(normalize=True)
    assert share.xs("test", level="split").between(0.18, 0.22).all()


def test_real_colours_of_a_product_share_row_or_side(shared_data, tmp_path):
    table, _ = build(shared_data / "fixture", tmp_path)
    styles = sources.read_styles(shared_data / "fixture" / FASHION_FOLDER)
    name = styles.set_index("id")["productDisplayName"]
    fashion = table[table["dataset_source"] == "FASHION"]
    names = fashion["product_key"].str.removeprefix("FASHION:").map(name)
    assert names.duplicated().any()
    pairs = pd.DataFrame({"name": names, "side": fashion["split"]}).drop_duplicates()
    assert pairs["name"].is_unique
    assert table["product_key"].str.match(r"HNM:\d{7}$|FASHION:\d+$").all()
