"""Stages 3b and 3c on photos: a backbone run once, or trained along."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import transforms

from common import dataset
from common.artifacts import Paths, RunConfig
from common.embed import encoders
from common.embed.images import Pixels, decode
from common.embed.models import Backbone
from common.labels import cnn, networks
from common.merge import taxonomy
from common.training import TrainConfig

ROOT = Path(__file__).resolve().parents[1]
ROWS = 90
RECIPE = TrainConfig(epochs=3, batch_size=16, lr=1e-2, grad_clip=1.0)
PREPROCESS = transforms.Compose(
    [
        transforms.Resize((32, 24)),
        transforms.ToTensor(),
        transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ]
)


def backbone(*_):
    """A small one that stands in for the preset's."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
    )
    return Backbone(nn.Sequential(*module, nn.Flatten()), PREPROCESS, {"name": "small"}, 8)


def make_data(folder):
    """Plain photos whose colour is the gender."""
    rng = np.random.default_rng(0)
    gender = np.arange(ROWS) % len(taxonomy.GENDERS)
    hues = rng.integers(0, 256, (len(taxonomy.GENDERS), 3))
    files = [f"photos/{row}.jpg" for row in range(ROWS)]
    (folder / "raw" / "photos").mkdir(parents=True, exist_ok=True)
    for row, file in enumerate(files):
        noise = rng.integers(-20, 20, (40, 30, 3))
        pixels = np.clip(hues[gender[row]] + noise, 0, 255).astype(np.uint8)
        if not (folder / "raw" / file).exists():
            Image.fromarray(pixels).save(folder / "raw" / file)
    table = pd.DataFrame(
        {
            "dataset_source": rng.choice(["HNM", "FASHION"], ROWS),
            "image_path": files,
            "usage_is_native": False,
            "split": rng.choice(["train", "validation", "test"], ROWS, p=[0.5, 0.2, 0.3]),
            "normalized_gender": np.array(taxonomy.GENDERS)[gender],
            "normalized_category": rng.choice(taxonomy.CATEGORIES, ROWS),
            "normalized_usage": rng.choice(taxonomy.USAGES, ROWS),
        }
    )
    text = rng.normal(size=(ROWS, 6)).astype(np.float32)
    return dataset.Dataset(table, text, text, "clean", {"table": "made up"})


def run(folder, seed=(0,), **more):
    """Runs the stage on the folder's photos with the small backbone; returns the results."""
    config = RunConfig(Paths(folder), seed=seed, device="cpu")
    cnn.run_cnn(config, "cnn", make_data(folder), "CNN", networks.CNN, **more)
    return pd.read_csv(config.paths.results("cnn"))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(cnn, "load_cnn", backbone)
    monkeypatch.setattr(cnn, "FINETUNED", RECIPE)


def photo_batches(folder, shuffle, seed=0):
    data = make_data(folder)
    rows = np.array([5, 3, 8, 1, 7, 2, 40, 60, 4, 11, 12, 13, 14, 15, 16, 17, 18])
    files = [folder / "raw" / path for path in data.table["image_path"]]
    targets = {"row": torch.from_numpy(rows)}
    pixels = Pixels(PREPROCESS)
    batches = cnn.PhotoBatches(files, pixels, (data.text,), rows, targets, shuffle, seed)
    return batches, files, pixels, data


def test_photos_come_in_order_with_what_belongs_to_them(tmp_path):
    batches, files, pixels, data = photo_batches(tmp_path, shuffle=False)
    assert len(batches) == 2
    ((photos, text), targets), ((last, _), _) = batches
    assert (len(photos), len(last)) == (16, 1)
    for photo, words, row in zip(photos, text, targets["row"], strict=True):
        expected = pixels.normalise(decode(files[row], pixels)[None], torch.device("cpu"))[0]
        assert torch.equal(photo, expected)
        assert torch.equal(words, torch.from_numpy(data.text[row]))


def test_training_photos_are_shuffled_and_augmented_the_same_for_a_seed(tmp_path):
    batches, files, pixels, _ = photo_batches(tmp_path, shuffle=True)
    torch.manual_seed(0)
    passes = [next(iter(batches)) for _ in range(2)]
    rows = [targets["row"].tolist() for _, targets in passes]
    assert rows[0] != rows[1]
    assert len(batches) == 1  # the odd row is left out of a pass: batch norm needs two
    again, *_ = photo_batches(tmp_path, shuffle=True)
    torch.manual_seed(0)
    for (photos, *_), targets in passes:
        (same, *_), same_targets = next(iter(again))
        assert torch.equal(photos, same)
        assert torch.equal(targets["row"], same_targets["row"])
    plain = pixels.normalise(decode(files[rows[0][0]], pixels)[None], torch.device("cpu"))[0]
    assert not torch.equal(passes[0][0][0][0], plain)


def test_a_frozen_backbone_sees_every_photo_once(tmp_path, monkeypatch):
    seen = []
    real = encoders.ImageTower.start

    def counted(self, batch):
        seen.append(len(batch))
        return real(self, batch)

    monkeypatch.setattr(encoders.ImageTower, "start", counted)
    run(tmp_path, seed=(0, 1))
    assert sum(seen) == ROWS
    run(tmp_path, criterion="study")
    assert sum(seen) == ROWS


def test_fine_tuning_learns_what_the_photo_shows_and_keeps_the_frozen_rows(tmp_path, monkeypatch):
    longer = TrainConfig(epochs=15, batch_size=8, lr=2e-2, grad_clip=1.0)
    monkeypatch.setattr(cnn, "FINETUNED", longer)
    frozen = run(tmp_path)
    both = run(tmp_path, finetune=True)
    assert set(both["model"]) == {"Majority", "CNN", "CNN, fine-tuned"}
    pd.testing.assert_frame_equal(both[: len(frozen)], frozen)
    gender = both.query("experiment == 'mixed' and task == 'gender'").set_index("model")
    assert gender["accuracy"]["CNN, fine-tuned"] > 0.7 > gender["accuracy"]["Majority"]


KILLED = """
import os, signal, sys
sys.path[:0] = [{root!r}, {tests!r}]
from pathlib import Path
from common import training
from common.labels import cnn
import test_cnn
cnn.load_cnn, cnn.FINETUNED = test_cnn.backbone, test_cnn.RECIPE
real, kept = training._save_checkpoint, []
def killed_after_the_second_epoch(*args):
    real(*args)
    kept.append(args)
    if len(kept) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
training._save_checkpoint = killed_after_the_second_epoch
test_cnn.run(Path({folder!r}), finetune=True)
"""


def test_fine_tuning_goes_on_from_the_last_whole_epoch_after_a_kill(tmp_path, monkeypatch):
    script = KILLED.format(root=str(ROOT), tests=str(ROOT / "tests"), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, cwd=ROOT)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    (checkpoint,) = (tmp_path / "models").iterdir()
    assert checkpoint.name.endswith(".checkpoint.safetensors")

    resumed = []
    real = cnn.PhotoBatches.__iter__

    def watched(self):
        if self.shuffle:
            resumed.append(self.epoch)
        return real(self)

    monkeypatch.setattr(cnn.PhotoBatches, "__iter__", watched)
    run(tmp_path, finetune=True)
    assert resumed == [2, 0, 1, 2, 0, 1, 2]  # one epoch of the first experiment was left
    assert not list((tmp_path / "models").glob(".*"))
