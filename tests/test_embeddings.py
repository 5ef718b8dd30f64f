"""Embeddings: aligned with the table, resumable, the same at any batch size, nothing lost."""

import json
import shutil
import struct
import zlib
from dataclasses import replace

import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from common import presets
from common.artifacts import Paths, RunConfig, StageError, manifest
from common.embed import embeddings, encoders
from common.embed.encoders import ClipEncoder, ImageTower
from common.embed.images import BrokenImageError, Pixels, decode
from common.embed.models import lite_preprocess, lite_trunk, load_clip, load_cnn
from experiments.attribute_features import embed_texts

CPU = torch.device("cpu")
PRODUCTS = 24
COLOURS = ("red", "navy", "olive", "gold")
SHAPES = ("dress", "shirt", "shoe")

# How far an embedding may turn with the batch it is computed in (1 - cosine), and from float32:
# bfloat16 has three digits, and kernels add up in an order that depends on the batch. Flat
# drawings are the worst case (1e-3); photographs turn by half of that.
BATCH_TOLERANCE, PRECISION_TOLERANCE = 2e-4, 1.5e-3


def draw(colour, shape, size=(120, 160)):
    image = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(image)
    if shape == "dress":
        pen.polygon([(50, 20), (70, 20), (105, 145), (15, 145)], fill=colour)
    elif shape == "shirt":
        pen.rectangle((35, 40, 85, 130), fill=colour)
        pen.rectangle((10, 40, 110, 65), fill=colour)
    else:
        pen.ellipse((10, 90, 110, 140), fill=colour)
    return image


def make_catalogue(folder):
    """Run and table of 24 drawn products under ``folder``."""
    (folder / "raw" / "images").mkdir(parents=True)
    rows = []
    for number in range(PRODUCTS):
        colour, shape = COLOURS[number % 4], SHAPES[number % 3]
        draw(colour, shape, (120 + number, 160)).save(folder / "raw/images" / f"{number}.jpg")
        rows.append(
            {
                "product_key": f"FASHION:{number}",
                "title": f"{colour} {shape} {number}",
                "description": "soft cotton " * (1 + number),
                "image_path": f"images/{number}.jpg",
                "split": ("train", "train", "train", "validation", "test")[number % 5],
            }
        )
    return run_config(folder), pd.DataFrame(rows)


def run_config(folder):
    return RunConfig(Paths(folder / "data", folder / "raw"), device="cpu")


@pytest.fixture(scope="module", autouse=True)
def short_alignment():
    """An epoch or two do: how good the alignment is stands in another file."""
    with pytest.MonkeyPatch.context() as patch:
        for step, epochs in (("heads", 2), ("stage", 1)):
            recipe = {**presets.LITE_ALIGNMENT[step], "epochs": epochs}
            patch.setitem(presets.LITE_ALIGNMENT, step, recipe)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A catalogue with its embeddings: run, table, the two paths. Read only."""
    run, table = make_catalogue(tmp_path_factory.mktemp("made"))
    return run, table, embeddings.ensure(run, table)


@pytest.fixture
def catalogue(tmp_path):
    """A catalogue of which nothing is computed yet: run and table."""
    return make_catalogue(tmp_path)


@pytest.fixture
def copied(made, tmp_path):
    """A copy, to change, of the catalogue with its embeddings: run and table."""
    run, table, _ = made
    shutil.copytree(run.paths.raw, tmp_path / "raw")  # copies times, too
    shutil.copytree(run.paths.data, tmp_path / "data", ignore=shutil.ignore_patterns("models"))
    return run_config(tmp_path), table.copy()


@pytest.fixture
def counted(monkeypatch):
    """Counts the pictures and texts that pass through the encoders."""
    seen = {"images": 0, "texts": 0}
    image, text = encoders.ImageTower.start, encoders.TextTower.__call__

    def images(self, batch):
        seen["images"] += len(batch)
        return image(self, batch)

    def texts(self, batch):
        seen["texts"] += len(batch)
        return text(self, batch)

    monkeypatch.setattr(encoders.ImageTower, "start", images)
    monkeypatch.setattr(encoders.TextTower, "__call__", texts)
    return seen


def load(paths):
    return [np.load(path, mmap_mode="r") for path in paths]


def turned(a, b):
    """1 - cosine, row by row."""
    a, b = (np.asarray(x, np.float64) for x in (a, b))
    return 1 - (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def png_bomb(path):
    """A PNG of a few bytes that says it is 30,000 x 30,000 pixels."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0"))
    )


def test_rows_follow_the_table_and_the_next_run_computes_nothing(made, monkeypatch):
    run, table, paths = made
    assert paths == (run.paths.img_emb, run.paths.wrd_emb)
    for path, array in zip(paths, load(paths), strict=True):
        assert array.dtype == np.float32 and array.shape == (PRODUCTS, 768)
        np.testing.assert_allclose(np.linalg.norm(array, axis=1), 1, atol=1e-5)
        ids = path.with_name(path.stem + ".ids.txt").read_text().split()
        assert ids == table["product_key"].tolist()
        manifested = manifest(path)["settings"]["model"]
        assert manifested["name"] == "fashion-lite" and manifested["image"]["weights"]
    monkeypatch.setattr(encoders, "clip_towers", None)  # a model that is loaded now fails the test
    assert embeddings.ensure(run, table) == paths


def test_a_single_listing_is_embedded_as_in_the_table(made):
    run, table, paths = made
    image, text = load(paths)
    encoder = ClipEncoder(load_clip(run, CPU))
    files = [run.paths.raw / path for path in table["image_path"]]
    one_by_one = np.concatenate([encoder.images([file]) for file in files[::5]])
    assert turned(one_by_one, image[::5]).max() < BATCH_TOLERANCE
    texts = [f"{row.title}. {row.description}" for row in table.itertuples()]
    one_by_one = np.concatenate([encoder.texts([each]) for each in texts[::5]])
    assert turned(one_by_one, text[::5]).max() < BATCH_TOLERANCE
    assert turned(embed_texts(run, texts), text).max() < BATCH_TOLERANCE
    assert turned(encoder.images([Image.open(files[0])]), image[:1]).max() < BATCH_TOLERANCE


def test_open_clip_loads_the_aligned_model_by_itself(made, tmp_path):
    run, table, paths = made
    image, text = load(paths)
    # Elsewhere it is still whole.
    folder = shutil.copytree(run.paths.model("fashion-lite"), tmp_path / "moved")
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    model.eval()
    with torch.inference_mode():
        pixels = preprocess(Image.open(run.paths.raw / table["image_path"][5]))[None]
        picture = model.encode_image(pixels, normalize=True)
        tokens = tokenizer([f"{table['title'][5]}. {table['description'][5]}"])
        words = model.encode_text(tokens, normalize=True)
    assert turned(picture, image[5:6]).max() < PRECISION_TOLERANCE
    assert turned(words, text[5:6]).max() < PRECISION_TOLERANCE


def test_a_killed_run_goes_on_where_it_stopped(catalogue, counted, monkeypatch):
    run, table = catalogue
    put, calls = encoders.RowCache.put, []

    def killed_at_the_third_batch(cache, keys, rows):
        calls.append(len(keys))
        if len(calls) == 3:
            raise KeyboardInterrupt
        put(cache, keys, rows)

    monkeypatch.setattr(encoders, "IMAGE_BATCH", 8)
    monkeypatch.setattr(encoders.RowCache, "put", killed_at_the_third_batch)
    with pytest.raises(KeyboardInterrupt):
        embeddings.ensure(run, table)
    assert not run.paths.img_emb.exists()
    counted.update(images=0, texts=0)
    embeddings.ensure(run, table)
    assert counted == {"images": 8, "texts": PRODUCTS}


def test_only_what_changed_is_computed_again(made, copied, counted):
    run, table = copied
    before = load(made[2])
    draw("magenta", "shoe").save(run.paths.raw / "images/7.jpg")
    table.loc[3, "description"] = "silk"
    after = load(embeddings.ensure(run, table))
    assert counted == {"images": 1, "texts": 1}
    assert turned(before[0], after[0]).argmax() == 7
    # Rows in another order, one left out: nothing to compute at all.
    counted.update(images=0, texts=0)
    embeddings.ensure(run, table.iloc[::-1].iloc[1:].reset_index(drop=True))
    assert counted == {"images": 0, "texts": 0}


def test_a_listing_needs_no_picture(catalogue, capsys):
    run, table = catalogue
    table.loc[[2, 3, 4], "image_path"] = ""
    image, text = (np.load(path) for path in embeddings.ensure(run, table))
    assert np.isnan(image[2:5]).all() and not np.isnan(np.delete(image, [2, 3, 4], axis=0)).any()
    assert not np.isnan(text).any()
    assert "set aside" not in capsys.readouterr().out
    assert manifest(run.paths.img_emb)["set_aside"] == 0
    table["image_path"] = ""
    image, text = (np.load(path) for path in embeddings.ensure(run, table))
    assert np.isnan(image).all() and image.shape == text.shape
    np.testing.assert_allclose(np.linalg.norm(text, axis=1), 1, rtol=1e-5)
    assert "no training row has a picture" in capsys.readouterr().out


def test_broken_pictures_are_set_aside_by_name(copied, capsys):
    run, table = copied
    folder = run.paths.raw / "images"
    whole = (folder / "0.jpg").read_bytes()
    (folder / "0.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "1.jpg").write_text("<html>404</html>")
    png_bomb(folder / "2.jpg")
    (folder / "3.jpg").unlink()
    (folder / "4.jpg").write_bytes(b"")
    draw("red", "shoe").convert("L").save(folder / "5.jpg")
    draw("red", "shoe").convert("CMYK").save(folder / "6.jpg")
    image, text = load(embeddings.ensure(run, table))
    assert np.flatnonzero(np.isnan(image).any(1)).tolist() == [0, 1, 2, 3, 4]
    assert not np.isnan(text).any()
    aside = pd.read_csv(run.paths.data / "img_emb.set_aside.csv")
    assert aside["product_key"].tolist() == [f"FASHION:{n}" for n in range(5)]
    for reason, word in zip(
        aside["reason"],
        ("truncated", "not an image", "bomb", "no such file", "not an image"),
        strict=True,
    ):
        assert word in reason
    assert manifest(run.paths.img_emb)["set_aside"] == 5
    assert f"5 of {len(table)} products set aside" in capsys.readouterr().out

    # Put right, it comes back.
    (folder / "0.jpg").write_bytes(whole)
    image, _ = load(embeddings.ensure(run, table))
    assert np.flatnonzero(np.isnan(image).any(1)).tolist() == [1, 2, 3, 4]


def test_no_readable_picture_at_all_is_an_error(catalogue):
    run, table = catalogue
    run.paths.raw = run.paths.raw / "elsewhere"
    with pytest.raises(StageError, match="none of the 24 pictures"):
        embeddings.ensure(run, table)


def test_colour_modes_become_rgb_and_cameras_are_turned(tmp_path):
    pixels = Pixels(lite_preprocess())
    red = draw("red", "shirt")
    wanted = decode(red, pixels).float()
    for mode, file in (("CMYK", "a.jpg"), ("P", "b.png"), ("RGBA", "c.png")):
        red.convert(mode).save(tmp_path / file)
        assert (decode(tmp_path / file, pixels).float() - wanted).abs().mean() < 8
    hole = red.convert("RGBA")
    hole.putalpha(red.convert("L").point(lambda value: 0 if value > 250 else 255))
    hole.save(tmp_path / "d.png")
    assert decode(tmp_path / "d.png", pixels)[:, 0, 0].tolist() == [255, 255, 255]
    turn = Image.Exif()
    turn[0x0112] = 6  # the camera was held upright: shown turned by 90 degrees
    red.rotate(90, expand=True).save(tmp_path / "e.jpg", exif=turn, quality=95)
    assert (decode(tmp_path / "e.jpg", pixels).float() - wanted).abs().mean() < 4
    with pytest.raises(BrokenImageError, match="not an image"):
        decode(__file__, pixels)


def test_large_photographs_are_read_small_and_look_the_same(tmp_path):
    """Decoding at a fraction of the size (JPEG draft) keeps the embedding."""
    noise = np.random.default_rng(0).normal(0, 12, (2400, 1600, 3))
    photo = np.asarray(draw("navy", "dress").resize((1600, 2400), Image.LANCZOS))
    Image.fromarray((photo + noise).clip(0, 255).astype(np.uint8)).save(tmp_path / "big.jpg")
    tower = ImageTower(*load_cnn("embedded", None, CPU)[:3])
    seen = []
    cut = tower.pixels.cut
    tower.pixels.cut = lambda image: (seen.append(image.size), cut(image))[1]
    drafted = decode(tmp_path / "big.jpg", tower.pixels)
    assert seen == [(800, 1200)]
    whole = tower.pixels.cut(Image.open(tmp_path / "big.jpg").convert("RGB"))
    assert turned(tower(drafted[None]), tower(whole[None])).max() < PRECISION_TOLERANCE


def test_pixels_are_those_of_the_transform():
    """Resized by torch on bytes, a picture is what Pillow makes of it, but for a level."""
    photo = draw("navy", "dress").resize((500, 700), Image.LANCZOS)
    cropping = open_clip.image_transform(64, is_train=False)
    resize, crop = cropping.transforms[:2]
    squash = lite_preprocess()
    squashed = photo.resize((192, 256), Image.Resampling.BICUBIC)
    for preprocess, wanted in ((cropping, crop(resize(photo))), (squash, squashed)):
        made = Pixels(preprocess).cut(photo).permute(1, 2, 0).numpy()
        apart = np.abs(made.astype(int) - np.asarray(wanted).astype(int))
        assert apart.max() <= 1
        assert (apart > 0).mean() < 0.01


def test_embeddings_do_not_depend_on_the_batch():
    tower = ImageTower(*load_cnn("embedded", None, CPU)[:3])
    pictures = [draw(c, s) for c in COLOURS for s in SHAPES]
    batch = torch.stack([decode(picture, tower.pixels) for picture in pictures])
    together = tower(batch)
    for size in (1, 5):
        parts = np.concatenate([tower(part) for part in batch.split(size)])
        assert turned(parts, together).max() < BATCH_TOLERANCE
    with torch.inference_mode():
        exact = lite_trunk().eval()(tower.pixels.normalise(batch, CPU))
    assert turned(together, exact).max() < PRECISION_TOLERANCE


def test_long_texts_are_counted(copied, capsys):
    run, table = copied
    table.loc[2, "description"] = "wool " * 400
    table.loc[5, "description"] = "incomprehensibilities " * 12  # many letters, few tokens
    embeddings.ensure(run, table)
    assert manifest(run.paths.wrd_emb)["truncated"] == 1
    assert "1 of 24 texts are longer than the 256 tokens" in capsys.readouterr().out


def test_a_clip_of_ones_own_is_used_without_alignment(catalogue, tmp_path):
    run, table = catalogue
    tiny = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49408,
            "width": 32,
            "heads": 2,
            "layers": 1,
        },
    }
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": tiny}))
    torch.manual_seed(0)
    save_file(open_clip.CLIP(**tiny).state_dict(), folder / "open_clip_model.safetensors")
    run = replace(run, clip=str(folder))
    table.loc[2, "description"] = "wool " * 100
    image, text = load(embeddings.ensure(run, table))
    assert image.shape == text.shape == (PRODUCTS, 32)
    encoder = ClipEncoder(load_clip(run, CPU))
    file = run.paths.raw / table["image_path"][4]
    assert turned(encoder.images([file]), image[4:5]).max() < BATCH_TOLERANCE
    assert not run.paths.model("fashion-lite").exists()
    assert manifest(run.paths.wrd_emb)["truncated"] == 1
