"""Pricing one listing: from a photo, a text or both, with doubt where there is doubt."""

import csv
import json
import shutil
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from shell import ROOT, run_stage

from attributes.reader import attribute_columns, read_texts
from common import artifacts, cli, presets, product_table
from common.artifacts import StageError
from common.embed.images import BrokenImageError
from common.merge import taxonomy
from common.prices.fit import slug
from common.training import torch_device
from experiments.listing_pricing import drawn, gibberish
from pricing import models as valuing
from pricing import ood as doubt
from pricing import uploads
from pricing.listing import Reader, columns
from pricing.neighbours import Index
from pricing.ood import Thresholds
from pricing.predictor import DOUBTS, FOLDER, REFUSALS, Appraiser, Listing

TEXT = "Linen shirt with long sleeves. A shirt in woven linen with a collar and buttons."


def whole(path) -> bool:
    try:
        uploads.picture(path)
    except BrokenImageError:
        return False
    return True


def furnish(args, table):
    """All that pricing needs in a data folder: of these products, with networks barely trained."""
    from common import dataset
    from common.embed.align import save_clip, untrained_clip
    from common.embed.encoders import ClipEncoder
    from common.embed.hashed_words import WIDTH, hashed
    from common.labels import multitask
    from common.labels.networks import KernelFusion
    from common.labels.protocol import Split
    from common.prices.features import PriceTask, feature_columns
    from common.prices.recipes import fit_ensemble
    from pricing import calibrate

    clip = untrained_clip(torch.device("cpu"))
    save_clip(clip.model, args.paths.model(presets.FASHION_LITE))
    encoder = ClipEncoder(clip)
    image = encoder.images([args.paths.raw / name for name in table["image_path"]])
    text = encoder.texts(product_table.listing_text(table))
    inputs = {"table": args.paths.llm, "embeddings": "made up"}
    data = dataset.Dataset(table, image, text, "clean", inputs)
    model = multitask.Model(
        "CLIP Kernel Fusion",
        partial(KernelFusion, [image.shape[1], text.shape[1], WIDTH], components=64),
        multitask.array_batches(
            image, text, hashed(product_table.listing_text(table)), batch_size=32
        ),
        config=None,
    )
    multitask.train_and_save(args, data, model, Split.of(table, "mixed", 0))
    columns = feature_columns(table, "metadata + embedding", "listing")
    priced, _, _ = fit_ensemble(PriceTask.build(data, columns), 0, torch_device(args.device))
    priced.save(args.paths.model(valuing.PRICE.format(seed=0)))
    calibrate.make(args, data)


@pytest.fixture(scope="module")
def shop(sample_raw, sample_table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    argv = ["--data-dir", str(folder), "--raw-dir", str(sample_raw)]
    args = cli.parse(cli.parser(""), argv)
    args.criterion = "cross-entropy"
    table = sample_table[0].copy()
    readings, rows = read_texts(table, "gaps", 0)  # by the rules alone
    read = [attribute_columns(one, {}, "gaps") for one in readings]
    for name in read[0]:
        table[name] = [read[row][name] for row in rows]
    whole = [readable(args.paths.raw / name) for name in table["image_path"]]
    table = table[whole].groupby("split", sort=False).head(30).reset_index(drop=True)
    artifacts.write_csv(table, args.paths.llm)
    furnish(args, table)
    lenient(args)
    return args


def readable(path) -> bool:
    """One of the drawn photos is broken, so that stages have one to set aside."""
    try:
        return bool(uploads.picture(path))
    except BrokenImageError:
        return False


def lenient(args):
    """Thresholds of so few products are a matter of luck: the tests set those that they test."""
    path = args.paths.model(FOLDER, "door.json")
    kept = json.loads(path.read_text("utf-8"))
    assert 0 < kept["thresholds"]["photo"] < 2
    assert set(kept["margins"]) == {"photo and text", "photo", "text"}
    kept["thresholds"] = {"photo": 2.0, "text": 2.0, "words": 0.75, "agreement": 0.0}
    artifacts.write_json(kept, path)


@pytest.fixture(scope="module")
def appraiser(shop):
    return Appraiser.load(shop)


@pytest.fixture(scope="module")
def photo(shop):
    table = product_table.read_table(shop.paths.llm)
    shirts = table[table["normalized_category"] == "Shirts"]
    return shop.paths.raw / shirts["image_path"].iloc[0]


def test_a_listing_is_priced_from_photo_text_or_both(appraiser, photo):
    listings = [Listing(TEXT, photo), Listing(TEXT), Listing("", photo)]
    answers = appraiser.appraise(listings)
    for answer in answers:
        assert answer.refusal is None
        assert 0 < answer.low_usd <= answer.price_usd <= answer.high_usd < 1000
        assert set(answer.labels) == {"category", "gender", "usage"}
        assert all(0 < label.confidence <= 1 for label in answer.labels.values())
        assert 0 <= answer.doubt < 0.5
        prices = [one.similarity for one in answer.comparables]
        assert len(prices) == 5
        assert prices == sorted(prices, reverse=True)
        assert all(one.image and one.image.is_file() for one in answer.comparables)
        assert answer.moved
    assert answers[0].labels["category"].value in taxonomy.CATEGORIES
    assert answers[1].read["material"].lower() == "linen"
    assert "text" not in dict(answers[2].moved)
    assert "photo" not in dict(answers[1].moved)
    # Together as alone, and the same when the picture is open already.
    alone = appraiser.appraise([listings[0]])[0]
    assert alone.price_usd == pytest.approx(answers[0].price_usd, rel=0.02)
    assert json.loads(json.dumps(asdict(alone), default=str))["price_usd"] == alone.price_usd


def test_what_is_no_listing_is_refused_or_doubted(appraiser, photo, monkeypatch):
    # Noise is further from all products than one of them; a threshold between the two.
    noise = drawn(2)["noise"]
    seen = [appraiser.models.encoder.images([one]) for one in (photo, noise[0])]
    near, far = (doubt.distances(appraiser.index, one, one * np.nan)[0][0] for one in seen)
    assert near < far
    limits = replace(appraiser.thresholds, photo=(near + far) / 2)
    monkeypatch.setattr(appraiser, "thresholds", limits)
    nothing = appraiser.appraise([Listing(), Listing("  \n"), Listing("...")])
    assert [one.refusal for one in nothing] == ["nothing_to_go_by"] * 3
    assert all(one.price_usd is None and not one.comparables for one in nothing)
    strange = appraiser.appraise([Listing(text) for text in gibberish(5)])
    assert {one.refusal for one in strange} == {"nothing_to_go_by"}
    assert all(one.doubt >= 0.5 for one in strange)
    (shown,) = appraiser.appraise([Listing("", noise[0])])
    assert shown.refusal == "no_garment" and shown.price_usd is None
    # One good part is enough; the other is set aside and named.
    kept, garbled = appraiser.appraise([Listing(TEXT, noise[0]), Listing(gibberish(1)[0], photo)])
    assert "no_garment" in kept.doubts and kept.price_usd
    assert "unclear_text" in garbled.doubts and garbled.price_usd
    assert not garbled.read
    for answer in [*nothing, *strange, kept, garbled]:
        assert answer.refusal in (None, *REFUSALS)
        assert set(answer.doubts) <= set(DOUBTS)


def test_a_strange_brand_and_a_contradiction_widen_the_range(appraiser, photo, monkeypatch):
    monkeypatch.setattr(appraiser, "thresholds", replace(appraiser.thresholds, agreement=0.3))
    plain, strange, other = appraiser.appraise(
        [
            Listing(TEXT, photo),
            Listing(TEXT, photo, {"brand": "Zorblax"}),
            Listing(TEXT, photo, {"normalized_category": "Swimwear"}),
        ]
    )
    assert "unknown_brand" not in plain.doubts
    assert "unknown_brand" in strange.doubts
    ratio = [one.high_usd / one.low_usd for one in (plain, strange)]
    assert ratio[1] > ratio[0]
    assert "contradiction" in other.doubts
    assert other.labels["category"] == type(other.labels["category"])("Swimwear", 1.0)


def test_a_broken_photo_raises_with_its_reason(appraiser, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(BrokenImageError) as raised:
        appraiser.appraise([Listing("", tmp_path / "broken.jpg")])
    assert raised.value.code == "not_an_image"
    with pytest.raises(BrokenImageError):
        appraiser.appraise([Listing("", Image.new("RGB", (4, 4)))])


def test_models_alone_are_enough_and_stale_ones_are_refused(shop, tmp_path):
    shutil.copytree(shop.paths.models, tmp_path / "models")
    args = cli.parse(cli.parser(""), ["--data-dir", str(tmp_path)])
    (answer,) = Appraiser.load(args).appraise([Listing(TEXT)])
    assert answer.price_usd and all(one.image is None for one in answer.comparables)
    price = args.paths.model(valuing.PRICE.format(seed=0))
    for stale in (args.paths.model(presets.FASHION_LITE, presets.OPEN_CLIP_WEIGHTS), price):
        kept = stale.read_bytes()
        stale.write_bytes(kept + b" ")
        with pytest.raises(StageError, match="other models|does not hold"):
            Appraiser.load(args)
        stale.write_bytes(kept)
    price.unlink()
    with pytest.raises(StageError, match="regression_DL_SOTA.py"):
        Appraiser.load(args)


def test_a_csv_is_priced_resumed_and_its_bad_rows_set_aside(shop, photo, tmp_path):
    shutil.copy(photo, tmp_path / "photo.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    rows = [
        "id,image,text,brand",
        f'a,photo.jpg,"{TEXT}",',
        "b,absent.jpg,,",
        "c,broken.jpg,a shirt,",
        f'd,,"{TEXT}",=Zorblax',
        "e,,,",
        "f,photo.jpg",
        "g,photo.jpg,,",
    ]
    source, target = tmp_path / "listings.csv", tmp_path / "priced.csv"
    source.write_text("\n".join(rows) + "\n")
    command = ["predict_price.py", "--data-dir", shop.paths.data, "--raw-dir", shop.paths.raw]
    command += ["--csv", source, "--out", target]
    done = run_stage(*command)
    assert done.returncode == 0, done.stderr
    priced = list(csv.DictReader(target.open()))
    assert [row["id"] for row in priced] == ["a", "d", "g"]
    assert all(float(row["low_usd"]) <= float(row["price_usd"]) for row in priced)
    assert "unknown_brand" in priced[1]["doubts"]
    aside = tmp_path / "priced.csv.set_aside.csv"
    assert [row["row"] for row in csv.DictReader(aside.open())] == ["2", "3", "5", "6"]
    assert all(row["reason"] for row in csv.DictReader(aside.open()))
    # A kill tore the last line: only that row is priced again.
    whole = target.read_text()
    target.write_text(whole[:-20])
    done = run_stage(*command)
    assert "6 of 7 rows were done before" in done.stdout
    assert target.read_text() == whole


def test_the_price_model_is_looked_for_where_its_stage_keeps_it():
    label = slug("ensemble", "metadata + embedding", "listing", "grouped")
    assert valuing.PRICE.format(seed=3) == f"regression_DL_SOTA/{label}_seed3.safetensors"


def test_the_command_says_what_is_wrong_in_one_line(tmp_path):
    done = run_stage("predict_price.py", "--data-dir", tmp_path, "--text", "a shirt")
    assert done.returncode == 2
    assert "regression_DL_SOTA.py" in done.stderr and done.stderr.count("\n") == 1
    assert run_stage("predict_price.py").returncode == 2
    assert (ROOT / "predict_price.py").exists()


def test_brands_are_read_as_the_catalogue_spells_them():
    reader = Reader({"levis": "Levis", "hm": "H&M", "unitedcolors": "UCB"}, ["jeans", "blue"])
    assert reader.read("Levi's 501, dark blue")["brand"] == "Levis"
    assert reader.read("Barely worn. By Levis for men")["brand"] == "Levis"
    assert reader.read("blue jeans")["brand"] == ""
    assert reader.knows("LEVI'S") and not reader.knows("Zorblax")
    assert reader.unknown_words("blue jeans") == 0
    assert reader.unknown_words("blue xqzt") == 0.5
    assert reader.unknown_words("501") == 1
    table = columns(
        reader,
        [reader.read("Levi's 501"), reader.read("a thing")],
        {task: ["x", "y"] for task in ("category", "gender", "usage")},
        [{}, {"normalized_category": "Shoes", "colour": "Red"}],
    )
    assert table["dataset_source"].tolist()[0] == "FASHION"
    assert table["normalized_category"].tolist() == ["x", "Shoes"]
    assert table["brand"].isna().tolist() == [False, True]


def test_half_is_the_threshold_of_doubt():
    limits = Thresholds(photo=0.4, text=0.5, words=0.5, agreement=0.1)
    assert limits.of_photo(np.array([0.4, 0.1, 2.0])).tolist() == pytest.approx([0.5, 0.2, 5 / 6])
    assert limits.of_text(np.array([0.1, 0.5]), np.array([0.5, 0.0])).tolist() == [0.5, 0.5]
    assert np.isnan(limits.of_photo(np.array([np.nan]))).all()


def test_texts_are_held_to_the_loosest_way_to_write():
    near, far = np.linspace(0, 0.1, 101), np.linspace(0, 0.4, 101)
    limits = Thresholds.choose(near, [near, far], np.zeros(101), np.linspace(0, 1, 101))
    assert limits.text == pytest.approx(0.4 * 0.99)
    assert limits.photo == pytest.approx(0.1 * 0.99)


def test_neighbours_are_of_the_category_and_never_twice_the_same():
    vectors = np.eye(8, dtype=np.float32)
    names = ["shirt", "shirt", "shirt", "tie", "cap", "belt", "hat", "sock"]
    index = Index(
        vectors,
        vectors,
        {
            "product_key": list("abcdefgh"),
            "title": names,
            "price_usd": [1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
            "normalized_category": ["A"] * 7 + ["B"],
            "image_path": [""] * 8,
        },
    )
    photo = np.array([[9, 8, 7, 6, 5, 4, 3, 10]], np.float32) / 10
    alike = index.similarity(photo, np.full((1, 8), np.nan, np.float32))
    assert index.nearest(alike[0], "A") == [0, 2, 3, 4, 5]
    assert index.nearest(alike[0], "B")[0] == 7
