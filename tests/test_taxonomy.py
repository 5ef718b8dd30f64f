"""Every label of both downloads is mapped by name or dropped by name."""

import pandas as pd
import pytest

from common.artifacts import FASHION_FOLDER, HNM_FOLDER
from common.merge import sources, taxonomy


def test_both_vocabularies_are_whole_and_without_contradiction():
    # Kaggle's files hold 131 product types ("Unknown" among them) and 143 article types.
    assert len(taxonomy.HNM_CATEGORY) + len(taxonomy.HNM_DROPPED) + 1 == 131
    assert len(taxonomy.FASHION_CATEGORY) + len(taxonomy.FASHION_DROPPED) == 143
    assert not taxonomy.HNM_CATEGORY.keys() & taxonomy.HNM_DROPPED
    assert not taxonomy.FASHION_CATEGORY.keys() & taxonomy.FASHION_DROPPED


def test_labels_stay_within_the_classes():
    assert set(taxonomy.FASHION_CATEGORY.values()) == set(taxonomy.CATEGORIES)
    assert set(taxonomy.HNM_CATEGORY.values()) == set(taxonomy.CATEGORIES) - {"Ethnic"}
    assert set(taxonomy.HNM_UNTYPED_CATEGORY.values()) <= set(taxonomy.CATEGORIES)
    genders = {*taxonomy.HNM_INDEX_GENDER.values(), *taxonomy.HNM_SECTION_GENDER.values()}
    assert genders | set(taxonomy.FASHION_AGE_GENDER.values()) <= set(taxonomy.GENDERS)
    usages = {*taxonomy.HNM_SECTION_USAGE.values(), *taxonomy.HNM_GARMENT_GROUP_USAGE.values()}
    assert usages <= set(taxonomy.USAGES)


@pytest.mark.parametrize(
    ("hnm", "fashion"),
    [
        ("T-shirt", "Tshirts"),
        ("Shirt", "Shirts"),
        ("Hoodie", "Sweatshirts"),
        ("Blazer", "Blazers"),
        ("Leggings/Tights", "Leggings"),
        ("Jumpsuit/Playsuit", "Jumpsuit"),
        ("Pyjama set", "Night suits"),
        ("Underwear bottom", "Briefs"),
        ("Swimsuit", "Swimwear"),
        ("Sneakers", "Casual Shoes"),
        ("Bag", "Handbags"),
    ],
)
def test_a_class_means_the_same_in_both_sources(hnm, fashion):
    assert taxonomy.HNM_CATEGORY[hnm] == taxonomy.FASHION_CATEGORY[fashion]


@pytest.mark.parametrize("kind", ["Glow Capes", "", "t-shirt"])
def test_an_unseen_type_is_not_guessed(kind):
    assert taxonomy.hnm_category(kind, "Trousers") is None
    assert kind not in taxonomy.FASHION_CATEGORY


def test_an_untold_type_falls_back_on_the_garment_group():
    assert taxonomy.hnm_category("Unknown", "Trousers Denim") == "Bottomwear"
    assert taxonomy.hnm_category("Unknown", "Jersey Fancy") is None


@pytest.mark.parametrize(
    ("index_group", "section", "department", "gender"),
    [
        ("Ladieswear", "H&M+", "Dresses", "Women"),
        ("Menswear", "Men Shoes", "Shoes", "Men"),
        ("Divided", "Divided Collection", "Jersey Fancy", "Women"),
        ("Sport", "Men H&M Sport", "Men Sport Tops", "Men"),
        ("Sport", "Kids Sports", "Bottoms Girls", "Girls"),
        ("Baby/Children", "Young Boy", "Young Boy Denim", "Boys"),
        ("Baby/Children", "Kids & Baby Shoes", "Kids Girl Shoes", "Girls"),
        ("Baby/Children", "Kids Accessories, Swimwear & D", "Dress-up Boys", "Boys"),
        ("Baby/Children", "Baby Essentials & Complements", "Baby basics", "Unisex"),
        ("Home", "Curtains", "Curtains", None),
    ],
)
def test_hnm_gender(index_group, section, department, gender):
    assert taxonomy.hnm_gender(index_group, section, department) == gender


def test_fashion_gender_believes_the_age_group_about_children():
    assert taxonomy.fashion_gender("Women", "Kids-Girls") == "Girls"
    assert taxonomy.fashion_gender("Men", "Adults-Unisex") == "Men"
    assert taxonomy.fashion_gender("Robots", "") is None


def test_usage_says_whether_the_source_said_it():
    assert taxonomy.fashion_usage("Smart Casual") == ("Smart Casual", True)
    assert taxonomy.fashion_usage("NA") == taxonomy.fashion_usage("") == ("Casual", False)
    assert taxonomy.fashion_usage("Diving")[0] is None
    assert taxonomy.hnm_usage("Ladies H&M Sport", "Jersey Fancy") == "Sports"
    assert taxonomy.hnm_usage("Womens Trend", "Dressed") == "Formal"
    assert taxonomy.hnm_usage("Mama", "Knitwear") == "Casual"


@pytest.mark.parametrize("part", ["fixture", "study"])
def test_every_real_label_is_known(shared_data, part):
    articles = sources.read_articles(shared_data / part / HNM_FOLDER)
    known = {*taxonomy.HNM_CATEGORY, *taxonomy.HNM_DROPPED, taxonomy.HNM_UNTYPED}
    assert set(articles["product_type_name"]) <= known
    columns = ["index_group_name", "section_name", "department_name"]
    genders = [taxonomy.hnm_gender(*row) for row in articles[columns].to_numpy()]
    assert set(genders) == set(taxonomy.GENDERS)
    lines = (shared_data / part / FASHION_FOLDER / "styles.csv").read_text("utf-8").splitlines()
    styles = pd.DataFrame([line.split(",", 9) for line in lines[1:]])
    assert set(styles[4]) <= {*taxonomy.FASHION_CATEGORY, *taxonomy.FASHION_DROPPED}
    assert set(styles[1]) <= set(taxonomy.GENDERS)
    assert all(taxonomy.fashion_usage(usage)[0] for usage in set(styles[8]))
