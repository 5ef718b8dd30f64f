"""The sample's second-hand listings through the pipeline: what stage 1 reads of them and accounts
for, and the steps of condition that a price model learns, against the formula behind them."""

import numpy as np
import pandas as pd
import pytest

from resale import fit
from resale import model as resale_model
from resale.level_one import LevelOne
from resale.listings import read_listings
from sample import catalogue
from sample import listings as sample

# What stage 1 calls the planted reasons to leave a row out.
OUTCOMES = {
    "no_price": "no price",
    "zero_price": "price zero",
    "unknown_currency": "currency never seen",
    "outlier": "price outlier",
    "duplicate": "repeated id",
}
# Of log steps against the true ones: the mean, and the largest of twelve. A step of a platform
# rests on some 30 pairs of listings.
MEAN_ERROR, LARGEST_ERROR = 0.1, 0.2


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """The default catalogue's 1,200 listings, without photos: table, account, truth, raw folder."""
    products = catalogue.catalogue(600, 0)
    listings = sample.draw_listings(products["HNM"] + products["FASHION"], 1200, 0)
    raw = tmp_path_factory.mktemp("market")
    (raw / catalogue.LISTINGS_FOLDER).mkdir()
    sample.write_listings(listings, raw / catalogue.LISTINGS_FOLDER, 0)
    table, account = read_listings(raw)
    account = pd.DataFrame(account, columns=["source", "table", "outcome", "rows", "detail"])
    truth = sample.listing_truth(listings).set_index("listing_id")
    return table, account, truth, raw


def test_the_account_adds_up_with_the_planted_cases(market):
    _, account, truth, raw = market
    account = account[account["table"] == "listings"]
    for platform, rows in account.groupby("source"):
        counts = rows.set_index("outcome")["rows"].to_dict()
        file = pd.read_csv(raw / "listings" / f"{platform}.csv", dtype=str)
        assert sum(counts.values()) == len(file)
        kept = (truth["platform"] == platform).sum() - (len(OUTCOMES) - 1)
        assert counts == {"kept": kept} | dict.fromkeys(OUTCOMES.values(), 1)


def test_every_planted_listing_is_treated_as_written(market):
    table, account, truth, _ = market
    for case, outcome in sample.CASES.items():
        for listing_id in truth.index[truth["case"] == case]:
            rows = (table["product_key"] == listing_id).sum()
            assert rows == outcome.startswith("kept"), (case, listing_id)
    table = table.set_index("product_key")
    of_case = {case: table.loc[ids] for case, ids in _kept(table, truth).items()}
    relisted = of_case["relisted"].groupby("platform")["group"].agg(["size", "nunique"])
    assert relisted.to_numpy().tolist() == [[2, 1]] * 3
    for row in of_case["price_in_text"].itertuples():
        assert not any(letter.isdigit() for letter in row.description), row.description
    assert set(of_case["unknown_condition"]["condition"]) == {""}
    unknown = account[(account["table"] == "condition")]
    assert unknown["detail"].tolist() == ["☆☆ 1"] * 3
    assert set(of_case["missing_photo"]["image_path"]) == {""}


def _kept(table, truth):
    truth = truth[truth.index.isin(table.index)]
    return truth.groupby("case").groups


def test_prices_and_labels_are_read_as_they_were_meant(market):
    table, _, truth, _ = market
    meant = truth.loc[table["product_key"]].reset_index()
    assert np.allclose(table["price_usd"], meant["observed_usd"], rtol=1e-3)
    assert table["price_kind"].tolist() == meant["price_kind"].tolist()
    for column, label, least in (
        ("condition", "condition", 0.8),
        ("normalized_category", "category", 0.85),
        ("normalized_gender", "gender", 0.85),
    ):
        stated = table[column] != ""
        assert stated.mean() > least
        assert table[column][stated].tolist() == meant[label][stated].tolist()
    new = table["new_price_usd"].notna()
    assert 0.2 < new.mean() < 0.4
    assert np.allclose(table["new_price_usd"][new], meant["new_usd"][new], rtol=0.03)


def test_the_steps_of_condition_are_recovered(market, monkeypatch):
    monkeypatch.setattr(resale_model, "cpu_count", lambda: 1)
    table, _, truth, _ = market
    test = table["split"] == "test"
    learn, test = (table[rows].reset_index(drop=True) for rows in (~test, test))
    model = resale_model.ResalePriceModel.fit_trees(*LevelOne.fit(learn), 0, ranges=False)
    steps = pd.DataFrame(fit.score_condition(model, fit.ResaleData(learn, test, None)))
    assert steps["violations"].dropna().tolist() == [0]
    steps = steps.dropna(subset=["model_step"])
    assert len(steps) == 12
    true = np.log1p(steps["condition"].map(sample.listing_report(truth.reset_index())["steps"]))
    assert set(steps["condition"]) == set(sample.DEPRECIATION) - {"very good"}
    error = (steps["model_step"] - true).abs()
    assert error.mean() < MEAN_ERROR
    assert error.max() < LARGEST_ERROR
