"""Alignment: pairs find each other, training rows alone teach, and a seed is a seed."""

import numpy as np
import pytest
import torch

from common import metrics, presets
from common.embed.align import align_clip, untrained_clip
from common.embed.encoders import clip_towers, project
from experiments import retrieval

CPU = torch.device("cpu")
PRODUCTS = 260


@pytest.fixture(scope="module")
def pairs():
    """What is kept of the pictures and read in the texts of made-up products, whose two sides share
    24 hidden qualities; and the rows of each side of the split."""
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(PRODUCTS, 24))
    # Every cell of a map shows the qualities.
    kept = np.repeat(hidden @ draw.normal(size=(24, 192)) / 5, 48, axis=1)
    kept = kept + draw.normal(0, 0.3, kept.shape)
    text = hidden @ draw.normal(size=(24, 384)) / 5 + draw.normal(0, 0.3, (PRODUCTS, 384))
    rows = np.arange(PRODUCTS)
    kept = kept.astype(np.float16)
    return kept, text.astype(np.float32), rows[:180], rows[180:210], rows[210:]


@pytest.fixture(scope="module")
def fresh():
    """A CLIP as `untrained_clip` makes it, and its weights."""
    clip = untrained_clip(CPU)
    return {name: value.clone() for name, value in clip.model.state_dict().items()}, clip


@pytest.fixture(scope="module", autouse=True)
def short():
    """The stage is what takes time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(presets.LITE_ALIGNMENT, "stage", {"epochs": 1, "batch_size": 64, "lr": 2e-4})
        yield


def embedded(clip, kept, text):
    image_tower, text_tower = clip_towers(clip)
    return project(image_tower.finish(kept), image_tower), project(text, text_tower)


def aligned(fresh, kept, text, train, validation):
    state, clip = fresh
    clip.model.load_state_dict(state)
    history = align_clip(clip, kept, text, train, validation, CPU)
    return *embedded(clip, kept, text), history


@pytest.fixture(scope="module")
def once(fresh, pairs):
    """One alignment: embeddings, history, and the weights that it left."""
    kept, text, train, validation, _ = pairs
    image, words, history = aligned(fresh, kept, text, train, validation)
    left = {name: value.clone() for name, value in fresh[1].model.state_dict().items()}
    return image, words, history, left


def test_products_never_seen_find_their_picture(fresh, pairs, once):
    kept, text, *_, test = pairs
    state, clip = fresh
    clip.model.load_state_dict(state)
    before = metrics.retrieval(*(each[test] for each in embedded(clip, kept, text)))
    image, words, history, _ = once
    after = metrics.retrieval(image[test], words[test])
    assert before["text_to_image@1"] < 0.15  # 50 products: chance is 0.02
    assert after["text_to_image@1"] > 0.6 and after["image_to_text@10"] > 0.9
    assert history.val_loss[history.best_epoch - 1] == min(history.val_loss)


def test_only_the_training_rows_teach_and_the_seed_settles_the_rest(fresh, pairs, once):
    kept, text, train, validation, test = pairs
    other_kept, other_text = kept.copy(), text.copy()
    other_kept[test], other_text[test] = 7, -7
    again, *_ = aligned(fresh, other_kept, other_text, train, validation)
    learnt = np.concatenate([train, validation])
    assert np.array_equal(once[0][learnt], again[learnt])


def test_all_but_the_last_stage_stays_as_it_came(fresh, once):
    changed = {name for name, value in once[3].items() if not torch.equal(value, fresh[0][name])}
    heads = {"visual.head.proj.weight", "text.proj.weight", "logit_scale"}
    stage = ("visual.trunk.blocks.6.", "visual.trunk.conv_head.", "visual.trunk.bn2.")
    assert heads < changed and all(name.startswith(stage) for name in changed - heads)
    # What batch norms know of a million pictures is worth more than what a batch tells.
    assert not any("running" in name for name in changed)


def test_retrieval_counts_as_recall_does():
    image = np.eye(20, dtype=np.float32)
    assert metrics.retrieval(image, image)["text_to_image@1"] == 1
    shifted = np.roll(image, 1, axis=0)  # every text resembles the next product's picture only
    found = metrics.retrieval(image, shifted)
    assert found["text_to_image@1"] == 0 and found["among"] == 20
    text = image + 2 * np.roll(image, 1, axis=0)  # its own picture comes second
    found = metrics.retrieval(image, text)
    assert found["text_to_image@1"] == 0 and found["text_to_image@10"] == 1
    assert metrics.retrieval(image, image, among=5)["among"] == 5


def test_type_and_category_are_named_by_their_words():
    image = np.eye(4, dtype=np.float32)
    types = np.array([0, 1, 2, 0])
    assert retrieval.type_precision(image, image[:3], types) == 1
    assert retrieval.type_precision(image, image[[0, 2, 1]], types) == pytest.approx(1 / 3)
    places = {"shoes": 0, "boots": 3, "bag": 1, "coat": 2}
    words = [("shoes", "boots"), ("bag",), ("coat",)]
    classes = retrieval.class_embeddings(lambda names: image[[places[n] for n in names]], words)
    assert retrieval.zero_shot(image, classes, types) == 1
    assert retrieval.zero_shot(image, classes, (types + 1) % 3) == 0
    guessed = retrieval.chance(types, classes=11, among=1000)
    assert guessed["image_to_text@10"] == 0.01 and guessed["zero_shot_category"] == 1 / 11
    assert guessed["type_precision@1"] == pytest.approx(1 / 3)
