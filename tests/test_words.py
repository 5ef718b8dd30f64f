"""Words beside an embedding: hashed alike one by one, learnt from, silent with a missing text."""

import numpy as np
import torch

from common import words
from common.networks import ClipFusion

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


def test_fusion_learns_from_a_word_what_the_embeddings_do_not_say():
    torch.manual_seed(0)
    said = [f"{'party' if n % 2 else 'travel'} thing {n % 7}" for n in range(80)]
    told = torch.from_numpy(words.hashed(said)).float()
    image, text = torch.randn(80, 8), torch.randn(80, 8)
    wanted = torch.arange(80) % 2
    network = ClipFusion(8, 8, {"usage": 2}, widths=(8,), words=words.WIDTH)
    optimizer = torch.optim.Adam(network.wide.parameters(), lr=1e-2)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(network(image, text, told)["usage"], wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    assert (network(image, text, told)["usage"].argmax(1) == wanted).all()
    # Without a text there are no words, whatever stands in their place.
    nothing = torch.full_like(text, torch.nan)
    silent = network(image, nothing, told)["usage"]
    torch.testing.assert_close(silent, network(image, nothing)["usage"])
