"""The embedded CLIP in plain torch says what it says in open_clip."""

import html

import numpy as np
import pytest
import torch
from PIL import Image

from common import alignment, embeddings
from common.artifacts import StageError
from common.images import BrokenImageError
from common.lite import Lite


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fashion-lite")
    clip = alignment.untrained(torch.device("cpu"))
    alignment.save(clip.model, folder)
    return embeddings.Encoder(clip), Lite(folder, torch.device("cpu"))


def test_pictures_have_the_same_embeddings(both, sample_raw, tmp_path):
    whole, lite = both
    files = sorted(sample_raw.rglob("*.jpg"))[:4]
    odd = tmp_path / "odd.png"
    Image.fromarray(np.arange(93 * 71 * 4, dtype=np.uint8).reshape(93, 71, 4)).save(odd)
    wanted, found = whole.images([*files, odd]), lite.images([*files, odd])
    assert len(files) == 4
    assert np.abs(wanted - found).max() < 1e-3
    assert (wanted * found).sum(axis=1).min() > 0.9999
    assert (wanted[0] * found[1]).sum() < 0.999
    with pytest.raises(BrokenImageError):
        lite.images([tmp_path / "absent.jpg"])


def test_texts_have_the_same_embeddings(both):
    whole, lite = both
    texts = ["Levi's 501, dark blue", html.escape("T-shirt & <b>jeans</b>"), "", "한국어 셔츠"]
    texts.append("A shirt of soft, washed cotton. " * 60)  # longer than the context
    wanted, found = whole.texts(texts), lite.texts(texts)
    assert np.abs(wanted - found).max() < 1e-3
    assert (wanted * found).sum(axis=1).min() > 0.9999


def test_what_is_missing_names_its_maker(tmp_path):
    with pytest.raises(StageError, match="make it with"):
        Lite(tmp_path, torch.device("cpu"))
