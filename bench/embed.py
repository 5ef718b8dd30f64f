"""Pictures on disk to embeddings in a NPY file: our way, and the usual open_clip loop.

    python -m bench.embed

Compared, each in a process of its own, on the same JPEG files of the downloads' size (1080 x 1440)
and with the same weights: ``fashion-lite`` (its heads fresh), and ViT-B-16 with random ones.

ours    ``common.embed.encoders``: worker processes decode and resize in torch, bytes cross over,
        batch norms folded, freed memory kept, rows kept in the cache, NPY written
usual   open_clip's own transform and model in float32, DataLoader(batch_size=64), numpy.save

The cosine is the smallest between the two ways' embeddings of a picture. Where ours spends its
time is measured one step after the other, without workers, so the shares do not overlap. The floor
is the forward pass at the rate at which this machine multiplies matrices in float32.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from common import runtime

SIZE = (1080, 1440)
FILES = {"fashion-lite": 512, "ViT-B-16": 128}
DRAWN = 64  # the other files are copies, which cost as much to read
BATCH = 64
PARTS = 32  # pictures whose steps are timed one by one
GEMM = 2048


def make(folder: Path, files: int) -> list[Path]:
    """JPEG files of some 150 kB: soft shapes under the grain of a photograph."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    grain = rng.normal(0, 3, (SIZE[1], SIZE[0], 1))
    paths = []
    for number in range(files):
        paths.append(folder / f"{number:05}.jpg")
        if number >= DRAWN:
            shutil.copy(paths[number - DRAWN], paths[number])
            continue
        small = Image.fromarray(rng.integers(40, 255, (12, 9, 3), dtype=np.uint8))
        soft = np.asarray(small.resize(SIZE, Image.Resampling.BICUBIC), np.float32)
        Image.fromarray((soft + np.roll(grain, number, 0)).clip(0, 255).astype(np.uint8)).save(
            paths[-1], quality=85
        )
    return paths


def clip(name: str):
    """The CLIP with the weights that both ways use."""
    import open_clip
    import torch

    from common.embed.align import untrained_clip
    from common.embed.models import Clip

    if name == "fashion-lite":
        return untrained_clip(torch.device("cpu"))
    torch.manual_seed(0)
    model, _, preprocess = open_clip.create_model_and_transforms("ViT-B-16-quickgelu")
    info = {"name": name, "identity": {"name": name}, "context_length": 77, "aligned": False}
    return Clip(model.eval(), preprocess, open_clip.get_tokenizer(name), info)


def ours(name: str, paths: list[Path], folder: Path, split: bool = False) -> dict:
    import torch

    from common.artifacts import Paths, write_npy
    from common.embed import encoders

    runtime.keep_memory()
    loaded = clip(name)
    started = time.perf_counter()
    tower, _ = encoders.clip_towers(loaded)
    features, broken = encoders.image_features(Paths(folder).cache, paths, tower)
    assert not broken
    head = encoders.clip_heads(loaded)[0]
    write_npy(encoders.project(features, head, torch.device("cpu")), folder / "ours.npy")
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "parts": parts(tower, paths[:PARTS], folder) if split else {}}


def usual(name: str, paths: list[Path], folder: Path) -> dict:
    import numpy as np
    import torch
    from PIL import Image

    loaded = clip(name)

    class Pictures(torch.utils.data.Dataset):
        def __len__(self):
            return len(paths)

        def __getitem__(self, row):
            return loaded.preprocess(Image.open(paths[row]))

    started = time.perf_counter()
    made = []
    with torch.no_grad():
        for batch in torch.utils.data.DataLoader(Pictures(), batch_size=BATCH):
            features = loaded.model.encode_image(batch)
            made.append((features / features.norm(dim=-1, keepdim=True)).numpy())
    np.save(folder / "usual.npy", np.concatenate(made))
    return {"seconds": time.perf_counter() - started}


def parts(tower, paths: list[Path], folder: Path) -> dict[str, float]:
    """Milliseconds a picture of each step, and of the forward pass at full speed (floor)."""
    import torch
    from PIL import Image
    from torch.utils.flop_counter import FlopCounterMode

    from common.embed.cache import RowCache

    pixels, spent = tower.pixels, {}

    def timed(step, function):
        started = time.perf_counter()
        value = function()
        spent[step] = (time.perf_counter() - started) * 1000 / len(paths)
        return value

    def decode(path):
        image = Image.open(path)
        image.load()
        return image

    decoded = timed("decode", lambda: [decode(path) for path in paths])
    batch = timed("resize", lambda: torch.stack([pixels.cut(image) for image in decoded]))
    features = timed("forward", lambda: tower(batch))
    cache = RowCache(folder / "parts.sqlite")
    timed("write", lambda: cache.put([str(path).encode() for path in paths], features))

    with FlopCounterMode(display=False) as counter:
        tower(batch[:1])
    square = torch.rand(GEMM, GEMM)
    rates = []
    for _ in range(4):
        started = time.perf_counter()
        square @ square
        rates.append(2 * GEMM**3 / (time.perf_counter() - started))
    spent["floor"] = counter.get_total_flops() / max(rates) * 1000
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", nargs="+", choices=FILES, default=list(FILES))
    parser.add_argument("--images", type=int, help=f"how many ({FILES})")
    args = parser.parse_args()
    wanted, images = args.model, {one: args.images or FILES[one] for one in args.model}

    from bench.measure import alone, say

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = alone(make, folder, max(images.values())).value
        for model in wanted:
            files = paths[: images[model]]
            scratch = folder / model
            scratch.mkdir()
            theirs = alone(usual, model, files, scratch)
            mine = alone(ours, model, files, scratch, True)
            cosine = alone(agreement, scratch).value
            rate = len(files) / mine.value["seconds"]
            faster = theirs.value["seconds"] / mine.value["seconds"]
            spent = mine.value["parts"]
            shown = ", ".join(f"{step} {ms:.1f}" for step, ms in spent.items() if step != "floor")
            say(
                "embed",
                f"{model}: {rate:.1f} images/s, {faster:.2f} times the usual open_clip loop's, "
                f"cosine to it at least {cosine:.5f}; ms an image: {shown}; the forward pass at "
                f"this machine's float32 peak would take {spent['floor']:.1f}",
                model=model,
                images=len(files),
                images_per_s=rate,
                usual_images_per_s=len(files) / theirs.value["seconds"],
                faster_than_usual=faster,
                least_cosine=cosine,
                ms_an_image=spent,
                peak_mb=mine.peak_mb,
            )


def agreement(folder: Path) -> float:
    """The smallest cosine between the embeddings of the two ways."""
    import numpy as np

    one, other = np.load(folder / "ours.npy"), np.load(folder / "usual.npy")
    return float((one * other).sum(axis=1).min())


if __name__ == "__main__":
    main()
