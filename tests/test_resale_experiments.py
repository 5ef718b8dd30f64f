"""What the experiments on second-hand listings do to a photo and to a new price."""

import numpy as np
import pytest
from PIL import Image

from common.artifacts import StageError
from experiments.new_price import ridge_price, score
from experiments.seller_photos import seller_photos, seller_view


def test_a_view_keeps_the_garment_and_loses_the_white_background():
    pixels = np.full((200, 160, 3), 255, np.uint8)
    pixels[70:130, 50:110] = (180, 20, 30)
    image = Image.fromarray(pixels)
    views = [seller_view(image, np.random.default_rng(seed)) for seed in range(8)]
    assert len({view.size for view in views}) > 1  # each is cut differently
    for view in views:
        colours = np.asarray(view).reshape(-1, 3).astype(int)
        red = (colours[:, 0] > 80) & (colours[:, 1] < 60) & (colours[:, 2] < 70)
        assert red.mean() > 0.05
        assert (colours > 245).all(axis=1).mean() < 0.2
    again = seller_view(image, np.random.default_rng(0))
    assert np.array_equal(np.asarray(again), np.asarray(views[0]))


def test_photos_that_the_labels_name_must_be_there(tmp_path):
    with pytest.raises(StageError, match="lacks photos"):
        seller_photos(tmp_path)


def test_a_new_price_beside_the_words_is_used_where_it_tells_the_price():
    draw = np.random.default_rng(0)
    kinds = draw.integers(0, 2, 400)
    log_new = draw.normal(4, 1, 400)
    log_usd = 0.9 * log_new + 0.3 * kinds + draw.normal(0, 0.1, 400)
    texts = [("coat wool", "shirt linen")[kind] for kind in kinds]
    learn, test = np.arange(300), np.arange(300, 400)
    words = score(log_usd[test], ridge_price(texts, log_usd, None, learn, test))
    both = score(log_usd[test], ridge_price(texts, log_usd, log_new, learn, test))
    assert words["r2_log"] < 0.2
    assert both["r2_log"] > 0.9
    assert both["mdape"] < words["mdape"]
