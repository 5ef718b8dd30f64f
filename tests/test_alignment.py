"""Alignment: pairs find each other, training rows alone teach, and a seed is a seed."""

import numpy as np
import pytest
import torch

from common import alignment, towers

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pairs():
    """Tower features of 600 made-up products whose two sides share 24 hidden qualities."""
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(600, 24))
    image = hidden @ draw.normal(size=(24, 1280)) / 5 + draw.normal(0, 0.3, (600, 1280))
    text = hidden @ draw.normal(size=(24, 384)) / 5 + draw.normal(0, 0.3, (600, 384))
    rows = np.arange(600)
    return image.astype(np.float32), text.astype(np.float32), rows[:400], rows[400:450], rows[450:]


@pytest.fixture(scope="module")
def fresh():
    """Heads as `untrained` makes them, on their own: the towers take no part here."""
    clip = alignment.untrained(CPU)
    return {name: value.clone() for name, value in clip.model.state_dict().items()}, clip


def aligned(fresh, image, text, train, validation):
    state, clip = fresh
    clip.model.load_state_dict(state)
    history = alignment.align(clip.model, image, text, train, validation, CPU)
    image_head, text_head = towers.heads_of(clip)
    return towers.project(image, image_head, CPU), towers.project(text, text_head, CPU), history


def test_products_never_seen_find_their_picture(fresh, pairs):
    image, text, train, validation, test = pairs
    state, clip = fresh
    clip.model.load_state_dict(state)
    heads = towers.heads_of(clip)
    before = alignment.retrieval(
        *(towers.project(x, head, CPU)[test] for x, head in zip((image, text), heads, strict=True))
    )
    image_out, text_out, history = aligned(fresh, image, text, train, validation)
    after = alignment.retrieval(image_out[test], text_out[test])
    assert before["text_to_image@1"] < 0.1  # 150 products: chance is 0.007
    assert after["text_to_image@1"] > 0.8 and after["image_to_text@10"] > 0.95
    assert history.val_loss[history.best_epoch - 1] == min(history.val_loss)


def test_only_the_training_rows_teach_and_the_seed_settles_the_rest(fresh, pairs):
    image, text, train, validation, test = pairs
    first, *_ = aligned(fresh, image, text, train, validation)
    other_image, other_text = image.copy(), text.copy()
    other_image[test], other_text[test] = 7, -7
    second, *_ = aligned(fresh, other_image, other_text, train, validation)
    learnt = np.concatenate([train, validation])
    assert np.array_equal(first[learnt], second[learnt])


def test_the_towers_stay_as_they_came(fresh, pairs):
    image, text, train, validation, _ = pairs
    aligned(fresh, image, text, train, validation)
    state, clip = fresh
    changed = {
        n for n, value in clip.model.state_dict().items() if not torch.equal(value, state[n])
    }
    assert changed == {"visual.head.proj.weight", "text.proj.weight", "logit_scale"}


def test_retrieval_counts_as_recall_does():
    image = np.eye(20, dtype=np.float32)
    assert alignment.retrieval(image, image)["text_to_image@1"] == 1
    shifted = np.roll(image, 1, axis=0)  # every text resembles the next product's picture only
    found = alignment.retrieval(image, shifted)
    assert found["text_to_image@1"] == 0 and found["among"] == 20
    text = image + 2 * np.roll(image, 1, axis=0)  # its own picture comes second
    found = alignment.retrieval(image, text)
    assert found["text_to_image@1"] == 0 and found["text_to_image@10"] == 1
    assert alignment.retrieval(image, image, among=5)["among"] == 5
