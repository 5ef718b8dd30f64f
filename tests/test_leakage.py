"""The audit finds planted leaks, and lets numbers pass that are no prices."""

import numpy as np
import pandas as pd
import pytest

from common.artifacts import StageError
from common.merge import leakage
from experiments.price_leak import near_duplicates


@pytest.fixture
def table():
    """Six clean products of different prices, one group each, on three sides."""
    return pd.DataFrame(
        {
            "product_key": [f"FASHION:{i}" for i in range(6)],
            "title": [f"Arrow Men Shirt {i}" for i in range(6)],
            "description": [f"100% cotton, 3 buttons, chest 38 inch, model {i}" for i in range(6)],
            "price_usd": [20.889, 22.9885, 10.989, 115.0, 5.0, 31.5],
            "split": ["train", "train", "validation", "validation", "test", "test"],
            "group": [f"FASHION:{i}" for i in range(6)],
        }
    )


def test_clean_text_and_a_grouped_split_pass(table):
    report = leakage.audit(table)
    assert report == {
        "rows": 6,
        "own price": 0,
        "amount of money": 0,
        "products": 0,
        "groups": 0,
        "texts": 0,
    }


@pytest.mark.parametrize(
    ("row", "number"),
    [
        (0, "1899"),  # rupees: 20.889 / 0.011
        (0, "1,899"),
        (0, "1899.00"),
        (0, "20.89"),  # USD
        (1, "19.99"),  # EUR
        (1, "19,99"),
        (1, "22.99"),
        (1, "0.0339"),  # H&M's scaled price
        (1, "0.033881"),
        (3, "115"),
    ],
)
@pytest.mark.parametrize("column", ["title", "description"])
def test_own_price_is_found_in_every_currency_and_format(table, row, number, column):
    table.loc[row, column] += f" {number} now"
    assert leakage.leaky_rows(table)[row] == "own price"
    with pytest.raises(StageError, match=rf"1 texts give a price away.*FASHION:{row}"):
        leakage.audit(table)
    cleaned = leakage.without_prices(
        table.loc[row, column], leakage.amounts(table.loc[row, "price_usd"])
    )
    table.loc[row, column] = cleaned
    assert leakage.audit(table)["own price"] == 0
    assert cleaned.endswith(" now") and number not in cleaned


def test_list_price_of_a_discounted_product_is_taken_out():
    own = leakage.amounts(10.989, [1998.0])  # sold for 999, listed at 1998
    assert leakage.without_prices("was 1998 now 999 or 1,998", own) == "was now or"
    assert leakage.without_prices("was 1998", leakage.amounts(10.989, [np.nan])) == "was 1998"


@pytest.mark.parametrize(
    "words",
    [
        "Rs. 1,234",
        "Rs 1234/-",
        "INR 1,23,456",
        "₹1234",
        "1234 rupees",
        "$12",
        "US$ 12.50",
        "12.50 USD",
        "EUR 9.99",
        "9,99 €",
        "£5",
        "MRP: 1299",
        "price: 1299",
        "Price is just Rs. 499",
        "19.99:-",
        "50% OFF",
        "flat 20 percent discount",
    ],
)
def test_amounts_of_money_are_found_and_removed(table, words):
    table.loc[2, "description"] = f"A tee, {words} only."
    assert leakage.leaky_rows(table).tolist() == ["", "", "amount of money", "", "", ""]
    cleaned = leakage.without_prices(table.loc[2, "description"], set())
    assert cleaned.startswith("A tee,") and cleaned.endswith("only.")
    assert not any(digit in cleaned.replace("9,", "") for digit in "1459"), cleaned


@pytest.mark.parametrize(
    "words",
    [
        "100% cotton, 115 cm long, 115 ml",  # 115 USD is row 3's price
        "jeans 501, size 42, 2012 collection",
        "at a reasonable price",
        "two for the price of one",
        "A$AP tee",
        "Rs",
        "50 cent balconette",
        "trousers 32 waist",
    ],
)
def test_other_numbers_are_left_alone(words):
    assert leakage.without_prices(words, leakage.amounts(115.0)) == words


def test_study_text_is_counted_not_refused(table):
    table["description"] += " price: 1899 rating: 3 vat: 14.5"
    report = leakage.audit(table, text="study")
    assert report["own price"] == 1 and report["amount of money"] == 5
    with pytest.raises(StageError, match="6 texts"):
        leakage.audit(table)


def test_products_and_groups_across_sides_are_found(table):
    table.loc[5, "group"] = table.loc[0, "group"]
    with pytest.raises(StageError, match="0 products and 1 groups lie on more than one side"):
        leakage.audit(table)
    assert leakage.audit(table, split="random")["groups"] == 1
    table.loc[5, "product_key"] = table.loc[0, "product_key"]
    assert leakage.audit(table, split="random")["products"] == 1


def test_same_text_across_sides_is_counted(table):
    table.loc[5, ["title", "description"]] = table.loc[0, ["title", "description"]].to_numpy()
    assert leakage.audit(table)["texts"] == 1


def test_near_duplicates_across_sides(table):
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(6, 64)).astype(np.float32)
    embeddings[4] = embeddings[0] + 0.01  # test row like a training row
    embeddings[2] = embeddings[1]  # both are not test rows: no matter
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    assert near_duplicates(table, embeddings).sum() == 1
    embeddings[5] = np.nan  # an image that cannot be decoded
    assert near_duplicates(table, embeddings).sum() == 1
    assert near_duplicates(table, embeddings, threshold=1.01).sum() == 0
