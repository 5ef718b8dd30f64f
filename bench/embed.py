"""Pictures on disk to embeddings in a NPY file: our way, and the usual open_clip loop.

Compared on the same JPEG files of the downloads' size (1080 x 1440) and with the same weights:
``fashion-lite`` (its heads fresh), and ViT-B-16 with random ones.

ours    ``common.embed.encoders``: worker processes decode and resize in torch, batch norms folded,
        freed memory kept, rows kept in the cache, NPY written
usual   open_clip's own transform and model in float32, DataLoader(batch_size=64), numpy.save

The cosine is the smallest between the two ways' embeddings of a picture.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image

from bench.harness import Figures, Options, alone
from common.artifacts import Paths, write_npy
from common.embed import encoders
from common.embed.align import untrained_clip
from common.embed.models import Clip

PIXELS = (1080, 1440)
SIZE, MODELS = 512, {"fashion-lite": 1.0, "ViT-B-16": 0.25}  # files, and the share of them
DRAWN = 64  # the other files are copies, which cost as much to read
BATCH = 64
CPU = torch.device("cpu")


def draw(folder: Path, files: int) -> list[Path]:
    """JPEG files of some 150 kB: soft shapes under the grain of a photograph."""
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 3, (PIXELS[1], PIXELS[0], 1))
    paths = [folder / f"{number:05}.jpg" for number in range(files)]
    for number, path in enumerate(paths):
        if number >= DRAWN:
            shutil.copy(paths[number - DRAWN], path)
            continue
        small = Image.fromarray(rng.integers(40, 255, (12, 9, 3), dtype=np.uint8))
        soft = np.asarray(small.resize(PIXELS, Image.Resampling.BICUBIC), np.float32)
        pixels = (soft + np.roll(grain, number, 0)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(path, quality=85)
    return paths


def load_clip(name: str) -> Clip:
    """The CLIP with the weights that both ways use."""
    if name == "fashion-lite":
        return untrained_clip(CPU)
    torch.manual_seed(0)
    model, _, preprocess = open_clip.create_model_and_transforms("ViT-B-16-quickgelu")
    return Clip(model.eval(), preprocess, open_clip.get_tokenizer(name), {"name": name})


def ours(name: str, paths: list[Path], folder: Path) -> None:
    tower, _ = encoders.clip_towers(load_clip(name))
    features, broken = encoders.image_features(Paths(folder).cache, paths, tower)
    assert not broken
    write_npy(encoders.project(features, tower), folder / "ours.npy")


class Pictures(torch.utils.data.Dataset):
    """Files through open_clip's own transform."""

    def __init__(self, paths: list[Path], preprocess):
        self.paths, self.preprocess = paths, preprocess

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> torch.Tensor:
        return self.preprocess(Image.open(self.paths[row]))


@torch.no_grad()
def usual(name: str, paths: list[Path], folder: Path) -> None:
    clip = load_clip(name)
    loader = torch.utils.data.DataLoader(Pictures(paths, clip.preprocess), batch_size=BATCH)
    parts = []
    for batch in loader:
        features = clip.model.encode_image(batch)
        parts.append((features / features.norm(dim=-1, keepdim=True)).numpy())
    np.save(folder / "usual.npy", np.concatenate(parts))


def measure(options: Options) -> Figures:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = draw(folder, options.size)
        for model, share in MODELS.items():
            files = paths[: int(len(paths) * share)]
            scratch = folder / model
            scratch.mkdir()
            runs = {way.__name__: alone(way, model, files, scratch) for way in (usual, ours)}
            rates = {way: len(files) / run.seconds for way, run in runs.items()}
            ratio = rates["ours"] / rates["usual"]
            embeddings = [np.load(scratch / f"{way}.npy") for way in runs]
            cosine = float(np.prod(embeddings, axis=0).sum(axis=1).min())
            summary = (
                f"{model}: {rates['ours']:.1f} images a second, {ratio:.2f} times the usual "
                f"open_clip loop's, cosine to it at least {cosine:.5f}"
            )
            figures = {"model": model, "images": len(files), "images_per_second": rates}
            figures |= {"faster_than_usual": ratio, "least_cosine": cosine}
            yield summary, {**figures, "peak_mb": runs["ours"].peak_mb}
