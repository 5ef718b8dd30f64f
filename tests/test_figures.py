"""Figures are written whole, are readable images, and take the awkward inputs of real runs."""

import numpy as np
import pytest
from PIL import Image

from common import figures
from reports import cluster_figures, price_figures

RNG = np.random.default_rng(0)
TRUE = np.exp(RNG.normal(3, 0.7, 80))
PRED = TRUE * np.exp(RNG.normal(0, 0.3, 80))
SOURCE = np.where(np.arange(80) % 2, "HNM", "FASHION")


def looks_drawn(path):
    """A PNG of some size that is not one flat colour, and nothing unfinished beside it."""
    assert list(path.parent.iterdir()) == [path]
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert min(image.size) > 150
        pixels = np.asarray(image.convert("L"), float)
    assert pixels.std() > 5
    return pixels


@pytest.mark.parametrize("draw", [price_figures.price_parity, price_figures.residuals])
def test_price_figures_take_a_price_of_zero_and_one_source(tmp_path, draw):
    path = tmp_path / "made" / "figure.png"
    assert draw(TRUE, PRED, SOURCE, path, "both sources") == path
    both = looks_drawn(path)
    predicted = PRED.copy()
    predicted[:3] = (-4.0, 0.0, 1e6)  # a linear model may well predict these
    draw(TRUE, predicted, np.full(80, "HNM"), path, "one source")
    one = looks_drawn(path)
    assert both.shape != one.shape or not np.array_equal(both, one)


def test_ranges_take_few_products_and_an_end_at_zero(tmp_path):
    path = tmp_path / "figure.png"
    price_figures.price_ranges(TRUE[:7], np.zeros(7), PRED[:7] * 1.4, path, "few")
    looks_drawn(path)


def test_price_parity_shows_an_exact_prediction_on_the_diagonal(tmp_path):
    exact = tmp_path / "a" / "exact.png"
    wrong = tmp_path / "b" / "wrong.png"
    price_figures.price_parity(TRUE, TRUE, SOURCE, exact, "t")
    price_figures.price_parity(TRUE, TRUE[::-1], SOURCE, wrong, "t")
    with Image.open(exact) as a, Image.open(wrong) as b:
        blue = [(np.asarray(i.convert("RGB"), int) @ [-1, 0, 1] > 60).sum() for i in (a, b)]
    # Points that lie on one line cover each other more than points that are scattered.
    assert 0 < blue[0] < blue[1]


def test_learning_curves_take_a_run_without_validation_and_one_that_diverged(tmp_path):
    path = tmp_path / "figure.png"
    histories = {
        "good": {"train_loss": [3.0, 0.5, 0.1], "val_loss": [3.1, 0.7, 0.9]},
        "unvalidated": {"train_loss": [2.0, 1.0], "val_loss": []},
        "diverged": {"train_loss": [2.0, np.nan], "val_loss": [2.0, np.nan]},
    }
    figures.learning_curves(histories, path, "losses")
    looks_drawn(path)


def test_confusion_leaves_room_for_classes_that_never_occur(tmp_path):
    path = tmp_path / "figure.png"
    figures.confusion([0, 0, 1], [0, 1, 1], ["Tops", "Shoes", "Never"], path, "category")
    looks_drawn(path)


def test_importances_keep_the_largest(tmp_path):
    path = tmp_path / "figure.png"
    price_figures.importances([f"feature {i}" for i in range(60)], np.arange(60.0), path, "gain")
    looks_drawn(path)
    price_figures.importances(["only"], [0.0], path, "nothing mattered")
    assert path.stat().st_size > 0


def test_the_same_figure_twice_is_the_same_file(tmp_path):
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    for path in (first, second):
        price_figures.residuals(TRUE, PRED, SOURCE, path, "t")
    assert first.read_bytes() == second.read_bytes()


def test_cluster_map_keeps_a_broken_picture_as_a_dot(tmp_path):
    good, broken = tmp_path / "good.png", tmp_path / "broken.png"
    Image.new("CMYK", (60, 80), (0, 200, 200, 0)).convert("RGB").save(good)
    broken.write_bytes(b"not an image")
    xy = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [3.0, 3.0]])
    files = [good, broken, tmp_path, tmp_path / "absent.png"]
    assert [row for row, _ in cluster_figures._thumbnails(xy, files)] == [0]
    path = tmp_path / "made" / "figure.png"
    cluster_figures.cluster_map(xy, [0, 0, 1, 1], files, path, "map", names={0: "Tops", 1: "Shoes"})
    looks_drawn(path)


def test_cluster_map_does_not_open_a_decompression_bomb(tmp_path, monkeypatch):
    bomb = tmp_path / "bomb.png"
    Image.new("1", (200, 200)).save(bomb)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert list(cluster_figures._thumbnails(np.zeros((1, 2)), [bomb])) == []


def test_contact_sheet_shows_what_can_be_read_in_the_order_given(tmp_path, monkeypatch):
    files = []
    for number, colour in enumerate(("red", "lime", "blue")):
        files.append(tmp_path / f"{number}.png")
        Image.new("RGB", (60, 80), colour).save(files[-1])
    files[1].write_bytes(b"not an image")
    shown = []
    monkeypatch.setattr(cluster_figures.ImageOps, "pad", lambda *a, **k: shown.append(a) or a[0])
    monkeypatch.setattr(cluster_figures, "PICTURES", 3)
    path = tmp_path / "made" / "figure.png"
    sheet = {"Tops (3)": [*files, *files], "Shoes (1)": files[:1]}
    cluster_figures.contact_sheet(sheet, path, "clusters")
    red, blue = (255, 0, 0), (0, 0, 255)
    assert [picture.getpixel((5, 5)) for picture, _ in shown] == [red, blue, red, red]
    looks_drawn(path)
