"""Pricing listings: from a photo, a text or both, refused or with a warning where it must be."""

import csv
import json
import os
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from PIL import Image
from shell import ROOT, run_stage

from attributes.reader import attribute_columns, read_texts
from common import artifacts, cli, dataset, presets, product_table
from common.artifacts import StageError
from common.embed.images import BrokenImageError
from common.merge import taxonomy
from common.results import Results
from experiments import listing_pricing
from experiments.listing_pricing import gibberish
from pricing import batch, calibrate, ood, uploads
from pricing.listing_model import KINDS
from pricing.models import CALIBRATION, FOLDER, WEIGHTS
from pricing.neighbours import NeighbourIndex
from pricing.ood import Thresholds
from pricing.predictor import (
    DOUBTS,
    READ_CHARACTERS,
    REFUSALS,
    ListingInput,
    PricePredictor,
)
from pricing.reading import TextReader

TEXT = "Linen shirt with long sleeves. A shirt in woven linen with a collar and buttons."


def furnish(args, table) -> dataset.Dataset:
    """All that pricing needs in a data folder: of these products, with an untrained CLIP."""
    from common.embed.align import save_clip, untrained_clip
    from common.embed.encoders import ClipEncoder

    clip = untrained_clip(torch.device("cpu"))
    save_clip(clip.model, args.paths.model(presets.FASHION_LITE))
    encoder = ClipEncoder(clip)
    image = encoder.images([args.paths.raw / name for name in table["image_path"]])
    text = encoder.texts(product_table.listing_text(table))
    inputs = {"table": args.paths.llm, "embeddings": "made up"}
    data = dataset.Dataset(table, image, text, "clean", inputs)
    summary = calibrate.calibrate(cli.run_config(args), data)
    assert (summary["low"] < summary["high"]).all()
    return data


@pytest.fixture(scope="module")
def fitted(sample_raw, sample_table, tmp_path_factory):
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
    data = furnish(args, table)
    lenient(args)
    return cli.run_config(args), data


def readable(path) -> bool:
    """One of the drawn photos is broken, so that stages have one to set aside."""
    try:
        return bool(uploads.picture(path))
    except BrokenImageError:
        return False


def lenient(args):
    """Thresholds of so few products are a matter of luck: the tests set those that they test."""
    path = args.paths.model(FOLDER, CALIBRATION)
    calibration = json.loads(path.read_text("utf-8"))
    assert 0 < calibration["thresholds"]["photo"] < 2
    assert set(calibration["margins"]) == set(KINDS)
    calibration["thresholds"] = {"photo": 2.0, "text": 2.0, "words": 0.75, "agreement": 0.0}
    calibration["no_garment"]["limit"] = 1e3
    artifacts.write_json(calibration, path)


@pytest.fixture(scope="module")
def shop(fitted):
    return fitted[0]


@pytest.fixture(scope="module")
def predictor(shop):
    return PricePredictor.load(shop)


@pytest.fixture(scope="module")
def photo(shop):
    table = product_table.read_table(shop.paths.llm)
    shirts = table[table["normalized_category"] == "Shirts"]
    return shop.paths.raw / shirts["image_path"].iloc[0]


def test_a_listing_is_priced_from_photo_text_or_both(predictor, photo):
    listings = [ListingInput(TEXT, photo), ListingInput(TEXT), ListingInput("", photo)]
    answers = predictor.predict(listings)
    for answer in answers:
        assert answer.refusal is None
        assert 0 < answer.low_usd <= answer.price_usd <= answer.high_usd < 1000
        assert set(answer.labels) == {"category", "gender", "usage"}
        assert all(0 < label.confidence <= 1 for label in answer.labels.values())
        assert 0 <= answer.ood_score < 0.5
        prices = [one.similarity for one in answer.comparables]
        assert len(prices) == 5
        assert prices == sorted(prices, reverse=True)
        assert all(one.image and one.image.is_file() for one in answer.comparables)
        assert answer.attributions
    assert answers[0].labels["category"].value in taxonomy.CATEGORIES
    assert answers[1].attributes["material"].lower() == "linen"
    assert "text" not in dict(answers[2].attributions)
    assert "photo" not in dict(answers[1].attributions)
    # Together as alone, and the same when the picture is open already.
    alone = predictor.predict([listings[0]])[0]
    assert alone.price_usd == pytest.approx(answers[0].price_usd, rel=0.02)
    assert json.loads(json.dumps(asdict(alone), default=str))["price_usd"] == alone.price_usd


def test_what_is_no_listing_is_refused_or_has_a_warning(predictor, photo, monkeypatch):
    # Noise is further from all products than one of them; a threshold between the two.
    noise = ood.drawings(2)["noise, drawn"]
    seen = [predictor.encoder.images([one]) for one in (photo, noise[0])]
    near, far = (ood.distances(predictor.index, one, one * np.nan)[0][0] for one in seen)
    assert near < far
    limits = replace(predictor.thresholds, photo=(near + far) / 2)
    monkeypatch.setattr(predictor, "thresholds", limits)
    nothing = predictor.predict([ListingInput(), ListingInput("  \n"), ListingInput("...")])
    assert [one.refusal for one in nothing] == ["no_input"] * 3
    assert all(one.price_usd is None and not one.comparables for one in nothing)
    nonsense = predictor.predict([ListingInput(text) for text in gibberish(5)])
    assert {one.refusal for one in nonsense} == {"no_input"}
    assert all(one.ood_score >= ood.CUTOFF for one in nonsense)
    (shown,) = predictor.predict([ListingInput("", noise[0])])
    assert shown.refusal == "no_garment" and shown.price_usd is None
    # One good part is enough; the other is ignored and named.
    by_text, garbled = predictor.predict(
        [ListingInput(TEXT, noise[0]), ListingInput(gibberish(1)[0], photo)]
    )
    assert "no_garment" in by_text.doubts and by_text.price_usd
    assert "unclear_text" in garbled.doubts and garbled.price_usd
    assert not garbled.attributes
    for answer in [*nothing, *nonsense, by_text, garbled]:
        assert answer.refusal in (None, *REFUSALS)
        assert set(answer.doubts) <= set(DOUBTS)


def test_an_unknown_brand_and_a_contradiction_widen_the_range(predictor, photo, monkeypatch):
    monkeypatch.setattr(predictor, "thresholds", replace(predictor.thresholds, agreement=0.3))
    plain, unknown, other = predictor.predict(
        [
            ListingInput(TEXT, photo),
            ListingInput(TEXT, photo, {"brand": "Zorblax"}),
            ListingInput(TEXT, photo, {"normalized_category": "Swimwear"}),
        ]
    )
    assert "unknown_brand" not in plain.doubts
    assert "unknown_brand" in unknown.doubts
    ratio = [one.high_usd / one.low_usd for one in (plain, unknown)]
    assert ratio[1] > ratio[0]
    assert "contradiction" in other.doubts
    assert other.labels["category"] == type(other.labels["category"])("Swimwear", 1.0)


def test_a_broken_photo_raises_with_its_reason(predictor, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(BrokenImageError) as raised:
        predictor.predict([ListingInput("", tmp_path / "broken.jpg")])
    assert raised.value.code == "not_an_image"
    with pytest.raises(BrokenImageError):
        predictor.predict([ListingInput("", Image.new("RGB", (4, 4)))])


def test_models_alone_are_enough_and_stale_ones_are_refused(shop, tmp_path):
    shutil.copytree(shop.paths.models, tmp_path / "models")
    run = replace(shop, paths=artifacts.Paths(tmp_path))
    (answer,) = PricePredictor.load(run).predict([ListingInput(TEXT)])
    assert answer.price_usd and all(one.image is None for one in answer.comparables)
    model = run.paths.model(FOLDER, WEIGHTS)
    for stale in (run.paths.model(presets.FASHION_LITE, presets.OPEN_CLIP_WEIGHTS), model):
        content = stale.read_bytes()
        stale.write_bytes(content + b" ")
        with pytest.raises(StageError, match="other models|does not hold"):
            PricePredictor.load(run)
        stale.write_bytes(content)
    with pytest.raises(StageError, match="pricing.calibrate .*--seed 3"):
        PricePredictor.load(replace(run, seed=(3,)))
    model.unlink()
    with pytest.raises(StageError, match="pricing.calibrate"):
        PricePredictor.load(run)


def test_a_long_text_is_read_in_part_and_priced(predictor):
    long = TEXT + " The collar is soft." * 220
    assert len(long) > READ_CHARACTERS
    whole, cut = predictor.predict([ListingInput(TEXT), ListingInput(long)])
    assert cut.price_usd and cut.attributes["material"] == whole.attributes["material"]
    assert "text_truncated" in cut.doubts and "text_truncated" not in whole.doubts


def test_a_csv_is_priced_and_resumed(shop, predictor, photo, tmp_path, capsys):
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
        f'h,,"{TEXT + " It is soft." * 500}",',
    ]
    source, target = tmp_path / "listings.csv", tmp_path / "priced.csv"
    source.write_text("\n".join(rows) + "\n")
    command = ["predict_price.py", "--data-dir", shop.paths.data, "--raw-dir", shop.paths.raw]
    command += ["--csv", source, "--out", target]
    done = run_stage(*command)
    assert done.returncode == 0, done.stderr
    priced = list(csv.DictReader(target.open()))
    assert [row["id"] for row in priced] == ["a", "d", "g", "h"]
    assert "'" not in target.read_text()  # empty cells stay empty
    assert priced[0]["refusal"] == "" and "text_truncated" in priced[3]["doubts"]
    assert all(float(row["low_usd"]) <= float(row["price_usd"]) for row in priced)
    assert "unknown_brand" in priced[1]["doubts"]
    aside = tmp_path / "priced.csv.set_aside.csv"
    assert [row["row"] for row in csv.DictReader(aside.open())] == ["2", "3", "5", "6"]
    assert all(row["reason"] for row in csv.DictReader(aside.open()))
    # A kill tore the last line: only that row is priced again.
    whole = target.read_text()
    target.write_text(whole[:-20])
    batch.price_csv(lambda: predictor, source, target)
    assert "7 of 8 rows were done before" in capsys.readouterr().out
    assert target.read_text() == whole
    # The photo that was not there has come, and a row is new: these two are priced, in order.
    shutil.copy(photo, tmp_path / "absent.jpg")
    source.write_text("\n".join([rows[0], f'z,,"{TEXT}",', *rows[2:]]) + "\n")
    batch.price_csv(lambda: predictor, source, target)
    assert "6 of 8 rows were done before" in capsys.readouterr().out
    again = list(csv.DictReader(target.open()))
    assert [row["id"] for row in again] == ["z", "b", "d", "g", "h"]
    assert [row["row"] for row in again] == ["1", "2", "4", "7", "8"]
    assert again[2] == priced[1]


def test_cells_that_a_spreadsheet_would_run_are_quoted():
    for cell in ("=1+1", "+1", "@cmd", "-x", "-1+cmd|' /C calc'!A0", "-1.", "-.5", "-1-2"):
        assert batch._harmless(cell) == f"'{cell}"
    for cell in ("", "-1.50", "-7", "Levi's", "a = b"):
        assert batch._harmless(cell) == cell
    assert batch._harmless("a\r\n=1") == "a =1"


def test_the_answer_fits_the_terminal_and_begins_with_the_price(shop):
    command = ("predict_price.py", "--data-dir", shop.paths.data, "--raw-dir", shop.paths.raw)
    done = run_stage(*command, "--text", TEXT, env={**os.environ, "COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("price       $") and "90 % range" in lines[0]
    names = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert names[1:5] == ["note", "category", "gender", "usage"]
    assert "Prices new goods" in done.stdout
    assert names.count("comparable") == 5 and names[-1] == "training"
    assert len(lines) <= 25
    assert all(len(line) <= 80 or "/" in line for line in lines)  # a path is not broken


def test_the_experiment_measures_prices_and_refusals(fitted, predictor, capsys, monkeypatch):
    few = {"gibberish": [ListingInput("xqz wrtz")], "empty text": [ListingInput()]}
    monkeypatch.setattr(listing_pricing, "no_listings", lambda _: few)
    run, data = fitted
    test = dataset.sides(data.table)[2]
    products = data.table.iloc[test]
    listings = calibrate.simulated_listings(predictor.encoder, data, test)
    prices = Results(run.paths.results("listing_pricing"), run, {}, ("listing",))
    learned = data.table[data.table["split"] != "test"]
    listing_pricing.measure_prices(prices, predictor, learned, products, listings)
    assert set(prices.frame["listing"]) == set(listings)
    assert prices.frame["coverage"].between(0, 1).all() and (prices.frame["median_width"] > 0).all()
    refusals = Results(run.paths.results("ood"), run, {}, ("input",))
    listing_pricing.measure_refusals(refusals, predictor, products, listings)
    shares = refusals.frame[["priced", "with_warning", "refused"]].sum(axis=1)
    assert shares.tolist() == pytest.approx([1] * len(shares))
    assert refusals.frame.set_index("input").loc["empty text", "refused"] == 1
    assert "median error" in capsys.readouterr().out


def test_the_command_says_what_is_wrong_in_one_line(tmp_path):
    done = run_stage("predict_price.py", "--data-dir", tmp_path, "--text", "a shirt")
    assert done.returncode == 2
    assert "pricing.calibrate" in done.stderr and done.stderr.count("\n") == 1
    assert run_stage("predict_price.py").returncode == 2
    assert (ROOT / "predict_price.py").exists()


def test_brands_are_read_as_the_catalogue_spells_them():
    reader = TextReader({"levis": "Levis", "hm": "H&M", "unitedcolors": "UCB"}, ["jeans", "blue"])
    assert reader.read("Levi's 501, dark blue").values["brand"] == "Levis"
    assert reader.read("Barely worn. By Levis for men").values["brand"] == "Levis"
    assert reader.read("blue jeans").values["brand"] == ""
    assert reader.knows("LEVI'S") and not reader.knows("Zorblax")
    assert reader.unknown_words("blue jeans") == 0
    assert reader.unknown_words("blue xqzt") == 0.5
    assert reader.unknown_words("501") == 1


def test_the_threshold_scores_as_the_cutoff():
    limits = Thresholds(photo=0.4, text=0.5, words=0.5, agreement=0.1)
    assert limits.photo_scores(np.array([0.4, 0.1, 2.0])).tolist() == pytest.approx(
        [0.5, 0.2, 5 / 6]
    )
    assert limits.text_scores(np.array([0.1, 0.5]), np.array([0.5, 0.0])).tolist() == [0.5, 0.5]
    assert np.isnan(limits.photo_scores(np.array([np.nan]))).all()


def test_photos_of_nothing_to_wear_are_told_from_garments():
    rng = np.random.default_rng(0)
    garments, others = rng.normal(size=(400, 8)), rng.normal(size=(60, 8)) + 3 * np.eye(8)[0]
    judge = ood.NoGarment.fit(garments, others)
    assert (judge.scores(rng.normal(size=(400, 8))) >= ood.CUTOFF).mean() < 0.04
    assert (judge.scores(rng.normal(size=(60, 8)) + 6 * np.eye(8)[0]) >= ood.CUTOFF).all()
    assert np.isnan(judge.scores(np.full((1, 8), np.nan))).all()


def test_texts_are_held_to_the_loosest_way_to_write():
    near, far = np.linspace(0, 0.1, 101), np.linspace(0, 0.4, 101)
    limits = Thresholds.fit(near, [near, far], np.zeros(101), np.linspace(0, 1, 101))
    assert limits.text == pytest.approx(0.4 * 0.99)
    assert limits.photo == pytest.approx(0.1 * 0.99)


def test_neighbours_are_of_the_category_and_never_twice_the_same():
    vectors = np.eye(8, dtype=np.float32)
    names = ["shirt", "shirt", "shirt", "tie", "cap", "belt", "hat", "sock"]
    index = NeighbourIndex(
        vectors,
        vectors,
        {
            "product_key": list("abcdefgh"),
            "title": names,
            "brand": [""] * 8,
            "price_usd": [1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
            "normalized_category": ["A"] * 7 + ["B"],
            "image_path": [""] * 8,
        },
    )
    photo = np.array([[9, 8, 7, 6, 5, 4, 3, 10]], np.float32) / 10
    alike = index.similarity(photo, np.full((1, 8), np.nan, np.float32))
    assert index.nearest(alike[0], "A") == [0, 2, 3, 4, 5]
    assert index.nearest(alike[0], "B")[0] == 7
    index.columns["brand"][6] = "Nike"
    assert index.nearest(alike[0], "A", "Nike") == [6, 0, 2, 3, 4]
