"""One product, one side: groups follow name, description and nothing by accident."""

import numpy as np
import pandas as pd
import pytest

from common.artifacts import StageError
from common.merge import splits


def products(*rows):
    """Rows of (source, title, description, colour)."""
    columns = ["dataset_source", "title", "description", "colour"]
    table = pd.DataFrame(rows, columns=columns)
    table["product_key"] = [f"{one.dataset_source}:{i:04d}" for i, one in table.iterrows()]
    table["price_usd"] = np.linspace(5, 50, len(table))
    return table


def divided(split, key):
    """Whether rows of one key lie on several sides."""
    pairs = pd.DataFrame({"key": key, "side": split}).drop_duplicates()
    return pairs["key"].duplicated().any()


@pytest.fixture
def catalogue():
    """600 products of each source; every third Fashion product comes in three colours."""
    random = np.random.default_rng(0)
    rows = [("HNM", f"Dress {i}", f"Dress number {i}.", "Black") for i in range(600)]
    for i in range(200):
        for colour in ("Red", "Navy Blue", "Off White") if i % 3 == 0 else ("Red",):
            rows.append(("FASHION", f"Arrow Men {colour} Shirt {i}", f"{colour} {i}", colour))
    table = products(*rows)
    table["price_usd"] = random.lognormal(3, 0.6, len(table))
    return table.sample(frac=1, random_state=0).reset_index(drop=True)


def test_other_colours_and_plurals_are_one_group():
    table = products(
        ("FASHION", "Arrow Men Blue Shirt", "a", "Blue"),
        ("FASHION", "Arrow Men Navy Blue Shirts", "b", "Navy Blue"),
        ("FASHION", "Arrow Women Blue Shirt", "c", "Blue"),
        ("HNM", "Arrow Men Blue Shirt", "d", "Blue"),
    )
    group = splits.groups(table)
    assert group[0] == group[1] == "FASHION:0000"
    assert group.nunique() == 3  # neither the women's shirt nor the other source's


def test_names_of_nothing_but_colours_are_told_apart():
    table = products(("HNM", "Navy", "a", "Navy"), ("HNM", "Rose", "b", "Rose"))
    assert splits.groups(table).nunique() == 2


def test_same_description_joins_and_links_chain():
    table = products(
        ("FASHION", "Denim One", "Slim jeans, five pockets.", "Blue"),
        ("FASHION", "Denim Two", "SLIM jeans; five pockets", "Blue"),
        ("FASHION", "Denim Two", "", "Blue"),
        ("FASHION", "Denim Three", "", "Blue"),
    )
    group = splits.groups(table)
    assert group[0] == group[1] == group[2]
    assert group[3] != group[0]  # missing descriptions are not the same description


def test_boilerplate_links_nothing():
    care = [("FASHION", f"Brand {i}", "Machine wash cold.", "Blue") for i in range(50)]
    assert splits.groups(products(*care)).nunique() == 50


def test_a_runaway_chain_is_cut():
    # Each description joins two names only, yet together they would chain all 500.
    rows = []
    for i in range(500):
        rows.append(("FASHION", f"Brand {i}", f"text {i}", "Blue"))
        rows.append(("FASHION", f"Brand {i}", f"text {i + 1}", "Blue"))
    assert splits.groups(products(*rows)).value_counts().max() == 2


def test_grouped_split(catalogue):
    catalogue["group"] = splits.groups(catalogue)
    split = splits.assign(catalogue, seed=0)
    assert (catalogue["group"].value_counts() == 3).sum() == 67
    assert not divided(split, catalogue["group"])
    share = split.value_counts(normalize=True)
    assert share[["train", "validation", "test"]].tolist() == pytest.approx(
        [0.64, 0.16, 0.20], abs=0.01
    )
    # Every source and price band has its fifth in the test side.
    in_test = (split == "test").groupby(splits.price_bands(catalogue)).mean()
    assert in_test.between(0.15, 0.25).all() and len(in_test) == 10


def test_split_is_a_matter_of_the_seed_alone(catalogue):
    catalogue["group"] = splits.groups(catalogue)
    first = splits.assign(catalogue, seed=0)
    assert first.equals(splits.assign(catalogue.copy(), seed=0))
    assert not first.equals(splits.assign(catalogue, seed=1))


def test_too_few_products_are_one_clear_line(catalogue):
    for rows in (1, 2, 5, 12):
        few = catalogue.head(rows)
        with pytest.raises(StageError, match=f"{rows} products are too few"):
            splits.assign(few.assign(group=splits.groups(few)))


def test_random_split_lets_variants_fall_anywhere(catalogue):
    split = splits.random_split(catalogue, seed=0)
    assert (split == "test").mean() == pytest.approx(0.2, abs=0.005)
    assert divided(split, splits.groups(catalogue))
