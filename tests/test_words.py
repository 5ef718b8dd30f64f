"""Words beside an embedding: hashed alike one by one, learnt from, silent with a missing text."""

import numpy as np
import torch

from common import training
from common.embed import hashed_words as words
from common.labels.networks import KernelFusion

TEXTS = ["red party dress", "blue travel bag, blue", "", "sports shoes for the party"]


def test_a_single_text_gives_the_row_of_the_table():
    table = words.hashed(TEXTS)
    assert table.shape == (4, words.WIDTH) and table.dtype == np.float16
    for row, text in zip(table, TEXTS, strict=True):
        np.testing.assert_array_equal(words.hashed([text])[0], row)
    np.testing.assert_allclose(
        np.linalg.norm(table.astype(np.float32), axis=1), [8, 8, 0, 8], rtol=1e-2
    )
    assert np.array_equal(words.hashed(["PARTY, red dress!"])[0], table[0])


def test_the_kernel_learns_from_a_word_what_the_embeddings_do_not_say():
    torch.manual_seed(0)
    said = [f"{'party' if n % 2 else 'travel'} thing {n % 7}" for n in range(80)]
    told = torch.from_numpy(words.hashed(said, 64)).float()
    image, text = torch.randn(80, 8), torch.randn(80, 8)
    wanted = torch.arange(80) % 2
    network = KernelFusion([8, 8, 64], {"usage": 2}, components=8)
    network.fit((image, text, told), {"usage": wanted}, seed=0)
    fresh = torch.randn(80, 8), torch.randn(80, 8)
    assert (network(*fresh, told)["usage"].argmax(1) == wanted).all()
    # Without a text there are no words, whatever stands in their place.
    nothing = torch.full_like(text, torch.nan)
    silent = network(image, nothing, told)["usage"]
    torch.testing.assert_close(silent, network(image, nothing, told.roll(1, 0))["usage"])
    assert torch.isfinite(silent).all()


def test_the_kernel_kept_answers_as_before(tmp_path):
    torch.manual_seed(0)
    inputs = torch.randn(60, 6), torch.randn(60, 6), torch.randn(60, 16)
    wanted = (inputs[0][:, 0] > 0).long()
    network = KernelFusion([6, 6, 16], {"usage": 2}, components=4)
    network.fit(inputs, {"usage": wanted}, seed=0)
    training.save_model(network, tmp_path / "kernel.safetensors", {})
    again = KernelFusion(**network.arguments)
    training.load_state(again, tmp_path / "kernel.safetensors")
    torch.testing.assert_close(again(*inputs)["usage"], network(*inputs)["usage"])
    assert (again(*inputs)["usage"].argmax(1) == wanted).float().mean() > 0.9
    # The photo tells it all; where there is none, no more than the share of each class is known.
    image, text, told = (torch.full_like(part, torch.nan) for part in inputs)
    assert (again(inputs[0], text, told)["usage"].argmax(1) == wanted).float().mean() > 0.9
    nothing = again(image, text, told)["usage"].exp()
    torch.testing.assert_close(nothing[7], wanted.bincount() / len(wanted))
