"""Both layouts as Kaggle ships them, and as they arrive broken."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from shell import ROOT

from common.artifacts import FASHION_FOLDER, HNM_FOLDER, StageError
from common.merge import sources
from common.merge.fashion_json import _parsed, plain_text, read_detail

ARTICLE = dict.fromkeys(sources.ARTICLE_COLUMNS, "x") | {"article_id": "0108775015"}
HEADER = ",".join(sources.STYLE_COLUMNS)
LINE = "{id},Men,Apparel,Topwear,Tshirts,Blue,Fall,2011,Casual,{name}"
DETAIL = {"price": 999, "discountedPrice": 799, "brandName": "Arrow", "ageGroup": "Adults-Men"}


@pytest.fixture
def hnm(tmp_path):
    """Writes an H&M download: articles by id, transactions as (article id, price) text."""

    def write(ids=("0108775015",), sales=()):
        (tmp_path / "images" / "010").mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / "010" / "0108775015.jpg").touch()
        rows = [ARTICLE | {"article_id": one} for one in ids]
        pd.DataFrame(rows).to_csv(tmp_path / "articles.csv", index=False)
        lines = [f"2020-09-01,c,{article},{price},1" for article, price in sales]
        head = "t_dat,customer_id,article_id,price,sales_channel_id"
        (tmp_path / "transactions_train.csv").write_text("\n".join([head, *lines]) + "\n")
        return tmp_path

    return write


@pytest.fixture
def fashion(tmp_path):
    """Writes a Fashion download: lines of styles.csv, and a good JSON and image for id 1."""

    def write(*lines):
        for name in ("images", "styles"):
            (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / "images" / "1.jpg").touch()
        (tmp_path / "styles" / "1.json").write_text(json.dumps({"data": DETAIL}))
        (tmp_path / "styles.csv").write_text("\n".join([HEADER, *lines]) + "\n", "utf-8")
        return tmp_path

    return write


# --- H&M ---------------------------------------------------------------------------------------


def test_articles_keep_their_zeros_and_find_their_images(hnm):
    folder = hnm(["0108775015", "0108775044"])
    articles = sources.read_articles(folder)
    assert articles["article_id"].tolist() == ["0108775015", "0108775044"]
    assert articles["product_code"].unique() == ["0108775"]
    assert articles["image"].tolist() == [f"{folder.name}/images/010/0108775015.jpg", ""]


def test_article_ids_with_tricks_are_set_aside(hnm):
    folder = hnm(["0108775015", "../../../etc/passwd", "0108775015", ""])
    (folder / "articles.csv").with_name("etc").mkdir()
    articles = sources.read_articles(folder)
    assert articles["problem"].tolist() == ["", "malformed id", "repeated id", "malformed id"]
    assert articles["image"].tolist()[1] == ""


@pytest.mark.parametrize("number", ["108775015", "108775015.0"])
def test_lost_zeros_are_named(hnm, number):
    with pytest.raises(StageError, match=f"1 ids have lost their leading zero.*{number}"):
        sources.read_articles(hnm([number]))
    with pytest.raises(StageError, match=r"transactions_train.*2 ids.*leading zero"):
        sales = [(number, 0.01), ("0108775015", 0.01), (number, 0.02)]
        sources.article_prices(hnm(sales=sales) / "transactions_train.csv")


def test_images_lie_in_any_folder_with_any_capitals(hnm):
    folder = hnm(["0108775015", "0108775044", "0108775051"])
    (folder / "images" / "0108775044.JPG").touch()
    (folder / "images" / "images").mkdir()
    (folder / "images" / "images" / "0108775051.jpeg").touch()
    places = ["010/0108775015.jpg", "0108775044.JPG", "images/0108775051.jpeg"]
    found = sources.read_articles(folder)["image"].tolist()
    assert found == [f"{folder.name}/images/{place}" for place in places]


def test_missing_files_columns_and_rows_are_named(hnm, tmp_path):
    with pytest.raises(StageError, match=r"articles\.csv is missing; download"):
        sources.read_articles(tmp_path)
    folder = hnm()
    articles = pd.read_csv(folder / "articles.csv", dtype=str)
    articles.drop(columns=["detail_desc", "prod_name"]).to_csv(folder / "articles.csv", index=False)
    with pytest.raises(StageError, match="lacks the column prod_name, detail_desc"):
        sources.read_articles(folder)
    (folder / "articles.csv").write_text("")
    with pytest.raises(StageError, match="is empty"):
        sources.read_articles(folder)
    with pytest.raises(StageError, match="is empty"):  # a header and no rows
        sources.article_prices(folder / "transactions_train.csv")


def test_unusable_prices_are_counted_and_do_not_count(hnm):
    prices = ["0.02", "nan", "-0.02", "0", "", "inf", "cheap", "0.004"]
    folder = hnm(sales=[("0108775015", price) for price in prices])
    with (folder / "transactions_train.csv").open("a") as file:
        file.write("2020-09-22,c\n")  # the download broke off here
    found, counts = sources.article_prices(folder / "transactions_train.csv")
    assert found["price"].tolist() == pytest.approx([0.02])
    assert counts == {
        "deep discount": 1,
        "kept": 1,
        "price missing": 5,
        "price negative": 1,
        "price zero": 1,
    }


def test_no_usable_price_at_all(hnm):
    with pytest.raises(StageError, match="no usable price"):
        sources.article_prices(hnm(sales=[("0108775015", 0)]) / "transactions_train.csv")


@pytest.mark.parametrize("statistic", sources.STATISTICS)
def test_statistics_equal_the_plain_computation(hnm, statistic):
    random = np.random.default_rng(0)
    ids = random.choice(["0108775015", "0108775044", "0110065001"], 400)
    cents = random.choice([499, 999, 1299, 1999], 400, p=[0.2, 0.2, 0.3, 0.3])
    sales = pd.DataFrame({"article_id": ids, "price": cents * 100})
    path = hnm(sales=zip(ids, cents * 100 / 59_000, strict=True)) / "transactions_train.csv"

    found, counts = sources.article_prices(path, statistic)

    product = sales.groupby(sales["article_id"].str[:7])["price"]
    full = product.transform(lambda price: np.quantile(price, 0.9, method="inverted_cdf"))
    kept = sales[sales["price"] >= 0.5 * full].assign(full=full).groupby("article_id")
    expected = {
        "median": lambda: kept["price"].median(),
        "mean": lambda: kept["price"].mean(),
        "mode": lambda: kept["price"].agg(lambda price: price.mode().max()),
        "high": lambda: kept["full"].first(),
    }[statistic]()
    assert counts["kept"] == kept.size().sum() and sum(counts.values()) == 400
    assert found.set_index("article_id")["price"].to_dict() == pytest.approx(
        (expected / 59_000).to_dict()
    )


def test_unknown_statistic(tmp_path):
    with pytest.raises(ValueError, match="lowest"):
        sources.article_prices(tmp_path / "x.csv", "lowest")


# --- Fashion -----------------------------------------------------------------------------------


def test_display_names_keep_bare_commas_and_quotes(fashion):
    names = ["Tee, blue, 2 pack", '"Quoted, ""well"" done"', 'Watch 5" dial']
    folder = fashion(*(LINE.format(id=i, name=name) for i, name in enumerate(names, 1)))
    found = sources.read_styles(folder)["productDisplayName"].tolist()
    assert found == ["Tee, blue, 2 pack", 'Quoted, "well" done', 'Watch 5" dial']


def test_every_bad_line_has_its_problem(fashion):
    folder = fashion(
        LINE.format(id=1, name="good"),
        LINE.format(id=2, name="no json"),
        LINE.format(id=3, name="broken json"),
        LINE.format(id="../styles/1", name="trick"),
        LINE.format(id=1, name="again"),
        "4,Men,Apparel",
        "",
    )
    (folder / "styles" / "3.json").write_text('{"data": {"price": 99')
    styles = sources.read_styles(folder)
    assert styles["problem"].tolist() == [
        "",
        "no JSON",
        "broken JSON",
        "malformed id",
        "repeated id",
        "broken line",
    ]
    image = f"{folder.name}/images/1.jpg"
    assert styles["image"].tolist() == [image, "", "", "", image, ""]
    assert styles.loc[0, "discounted_inr"] == 799 and styles.loc[0, "list_inr"] == 999


def test_json_with_a_byte_order_mark_is_read(fashion):
    folder = fashion(LINE.format(id=1, name="good"))
    path = folder / "styles" / "1.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert sources.read_styles(folder)["problem"].tolist() == [""]


def test_ids_with_a_fraction_are_named(fashion):
    folder = fashion(LINE.format(id="1.0", name="good"))
    with pytest.raises(StageError, match=r"styles\.csv: 1 ids have .* gained a fraction.*1\.0\)"):
        sources.read_styles(folder)


def test_json_unpacked_into_a_folder_of_its_own_name_is_read(fashion):
    folder = fashion(LINE.format(id=1, name="good"))
    (folder / "styles" / "styles").mkdir()
    (folder / "styles" / "1.json").rename(folder / "styles" / "styles" / "1.json")
    assert sources.read_styles(folder)["problem"].tolist() == [""]


def test_an_empty_folder_of_json_is_named(fashion):
    folder = fashion(LINE.format(id=1, name="good"))
    (folder / "styles" / "1.json").unlink()
    with pytest.raises(StageError, match="styles holds no usable JSON; download"):
        sources.read_styles(folder)


def test_a_download_unpacked_one_folder_too_deep_is_named(fashion):
    folder = fashion(LINE.format(id=1, name="good"))
    inner = folder / folder.name
    inner.mkdir()
    # Beside a complete download a second copy does no harm.
    (inner / "styles.csv").write_bytes((folder / "styles.csv").read_bytes())
    assert len(sources.read_styles(folder)) == 1
    (folder / "styles.csv").unlink()
    with pytest.raises(StageError, match=f"{folder.name}/{folder.name} lies too deep"):
        sources.read_styles(folder)


def test_missing_parts_of_the_fashion_download(fashion, tmp_path):
    with pytest.raises(StageError, match=r"styles\.csv is missing"):
        sources.read_styles(tmp_path)
    folder = fashion(LINE.format(id=1, name="good"))
    (folder / "styles.csv").write_text(HEADER.replace("usage,", "") + "\n1,2\n")
    with pytest.raises(StageError, match="lacks the column usage"):
        sources.read_styles(folder)
    for text in ("\n", "1,Men,Apparel\n"):
        (folder / "styles.csv").write_text(f"{HEADER}\n{text}")
        with pytest.raises(StageError, match="holds no product"):
            sources.read_styles(folder)


def test_ctrl_c_ends_the_workers_without_a_word(fashion):
    lines = [LINE.format(id=number, name="tee") for number in range(2000)]
    folder = fashion(*lines)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from common import cli\n"
        "from common.merge.sources import read_styles\n"
        "def main():\n"
        "    print('reading', flush=True)\n"
        "    while True:\n"
        "        read_styles(Path(sys.argv[1]))\n"
        "if __name__ == '__main__':\n"
        "    cli.run(main)\n"
    )
    (folder / "stage.py").write_text(code)
    with subprocess.Popen(
        [sys.executable, str(folder / "stage.py"), str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as child:
        child.stdout.readline()
        time.sleep(1)  # the workers are starting, or at work
        os.killpg(child.pid, signal.SIGINT)
        error = child.communicate(timeout=60)[1]
    assert child.returncode == 130
    assert error == "interrupted; the same command goes on from here\n"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"data": []}', '{"data": {"id": 1}}', "\0"])
def test_broken_json_is_a_problem_not_a_crash(tmp_path, content):
    (tmp_path / "1.json").write_text(content)
    assert read_detail(str(tmp_path / "1.json")) == {"problem": "broken JSON"}


def test_description_joins_the_descriptors_once_each(tmp_path):
    values = {
        "description": "<p>Soft&nbsp;tee</p>",
        "style_note": "Soft tee",
        "size_fit_desc": "NA",
    }
    values |= {"materials_care_desc": "100% cotton<br />Dry-clean"}
    descriptors = {name: {"value": value} for name, value in values.items()}
    data = DETAIL | {"productDescriptors": descriptors, "discountedPrice": "?"}
    (tmp_path / "1.json").write_text(json.dumps({"data": data}))
    detail = read_detail(str(tmp_path / "1.json"))
    assert detail["description"] == "Soft tee 100% cotton Dry-clean"
    assert np.isnan(detail["discounted_inr"])


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (None, ""),
        ("<p>NA</p>", ""),
        ("-", ""),
        ("<p>Caf&eacute; &amp; bar</p><p>two</p>", "Café & bar two"),
        ("<strong>C</strong><span>are</span><br />wash", "Care wash"),
        ("<style>p {}</style>seen<script>if (a<b) x()</script>", "seen"),
        ("waist < 30 inch", "waist < 30 inch"),
        ("<p>open <b>tags", "open tags"),
    ],
)
def test_plain_text(markup, text):
    assert plain_text(markup) == text


# Parted by line ends.
PIECES = """a\n \n&amp\n;\n&lt;b&gt;\n&#38\n&nbsp;\n<\n>\n<b>\n</b>\n<p class='x'>\n</P >\n<br/>
<a href="x?a=1&lt=2">\n<o:p>\n<!-- c -->\n<style>\n</style>\n<p a='>'>\n<b\xa0c>\n<?xml?>\n</\n\0
<li\t>\n'\n"\n<title>\n</title>""".split("\n")


def test_the_short_way_to_plain_text_says_what_the_parser_says():
    rng = np.random.default_rng(0)
    for length in rng.integers(1, 12, 4000):
        markup = "".join(rng.choice(PIECES, length))
        parsed = " ".join(_parsed(markup).split())
        assert plain_text(markup) == ("" if parsed.strip(".-") == "" else parsed), markup


# --- real --------------------------------------------------------------------------------------


def test_the_real_layouts_are_read_whole(shared_data):
    raw = shared_data / "fixture"
    articles = sources.read_articles(raw / HNM_FOLDER)
    assert len(articles) == 883 and (articles["problem"] == "").all()
    prices, counts = sources.article_prices(raw / HNM_FOLDER / "transactions_train.csv")
    assert sum(counts.values()) == 6757
    # H&M sells at 9.99, 14.99, ...: the scale brings most medians back to such a price point.
    cents = (prices["price"] * 590 * 100).round().astype(int)
    assert (cents % 100 == 99).mean() > 0.5
    styles = sources.read_styles(raw / FASHION_FOLDER)
    assert styles["problem"].value_counts().to_dict() == {"": 688, "no JSON": 3}
    assert not styles["description"].str.contains(r"<\w|&\w+;", regex=True, na=False).any()
