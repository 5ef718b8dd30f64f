"""Image files to batches of pixels: decoded in worker processes, broken ones set aside by name."""

import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pillow_heif
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch.utils.data import DataLoader
from torchvision.transforms import Compose, Resize, v2

from common import runtime

pillow_heif.register_heif_opener()  # photos of telephones; Pillow reads AVIF itself
DAMAGED = (OSError, ValueError, SyntaxError, IndexError, EOFError, RuntimeError)  # by Pillow
_WORKERS_FROM = 256  # files, from which on worker processes pay for their start
# JPEG is decoded so many times larger than the model's input: cosine 0.998 to the whole file's.
_DRAFT = 4


class BrokenImageError(Exception):
    """An image that cannot be decoded; the text is the reason, ``code`` a word for it."""

    def __init__(self, reason: str, code: str = "damaged"):
        super().__init__(reason)
        self.code = code


class Pixels:
    """A model's input: an open_clip or timm validation transform, taken apart.

    Workers resize and crop, the device normalises. Torch resizes four times as fast as Pillow.
    """

    def __init__(self, preprocess: Compose):
        *geometry, _, normalise = preprocess.transforms
        self.geometry = [
            v2.Resize(step.size, step.interpolation, step.max_size, step.antialias)
            if isinstance(step, Resize)
            else step
            for step in geometry
        ]
        self.mean = torch.as_tensor(normalise.mean).view(3, 1, 1)
        self.std = torch.as_tensor(normalise.std).view(3, 1, 1)
        self.height, self.width = self.cut(Image.new("RGB", (64, 64))).shape[1:]

    def cut(self, image: Image.Image) -> torch.Tensor:
        """An RGB image -> uint8 tensor (3, height, width)."""
        for step in self.geometry:
            if isinstance(step, v2.Resize):
                resized = step(_bytes(image)[None])[0]
                image = Image.fromarray(resized.permute(1, 2, 0).numpy())
            else:
                image = step(image)
        return _bytes(image)

    def normalise(self, batch: torch.Tensor, device: torch.device) -> torch.Tensor:
        """uint8 (n, 3, height, width) -> float32, normalised, channels last, on ``device``."""
        floats = batch.to(device, non_blocking=True).float().div_(255)
        floats.sub_(self.mean.to(device)).div_(self.std.to(device))
        return floats.contiguous(memory_format=torch.channels_last)


def _bytes(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def decode(source: str | Path | Image.Image, pixels: Pixels) -> torch.Tensor:
    """An image file (or an open image) -> uint8 tensor (3, height, width).

    JPEG files are decoded at the smallest power of two that is still four times the input's size;
    what :func:`as_rgb` changes is changed. Raises BrokenImageError with the reason.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = source if isinstance(source, Image.Image) else Image.open(source)
            image.draft("RGB", (_DRAFT * pixels.width, _DRAFT * pixels.height))
            return pixels.cut(as_rgb(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        reason = "decompression bomb: more pixels than any photograph"
        raise BrokenImageError(reason, "too_many_pixels") from error
    except UnidentifiedImageError as error:
        raise BrokenImageError("not an image", "not_an_image") from error
    except FileNotFoundError as error:
        raise BrokenImageError("no such file", "missing") from error
    except DAMAGED as error:
        raise BrokenImageError(" ".join(str(error).split()) or "damaged") from error


def as_rgb(image: Image.Image) -> Image.Image:
    """Upright by the camera's note, and RGB in 8 bits: transparency becomes white."""
    image = ImageOps.exif_transpose(image)
    if image.mode[0] in "IF":  # Pillow would clip all above 255
        values = np.nan_to_num(np.asarray(image, np.float32), posinf=0)
        scales = [65535] if image.mode.startswith("I;16") else [1, 255, 65535, values.max()]
        white = next(scale for scale in scales if values.max() <= scale)
        image = Image.fromarray((values.clip(0) * (255 / white)).round().astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def worker_count(files: int) -> int:
    """How many worker processes decode that many files; 0 where their start is not worth it."""
    return 0 if files < _WORKERS_FROM else min(runtime.cpu_count(), 16)


def batches(
    paths: Sequence[Path], pixels: Pixels, batch_size: int
) -> Iterator[tuple[list[int], torch.Tensor | None, dict[int, str]]]:
    """Yields (positions, uint8 batch, {position: reason}) over ``paths``, in order."""
    yield from DataLoader(
        range(len(paths)),
        batch_size,
        num_workers=worker_count(len(paths)),
        collate_fn=partial(_decode_batch, paths, pixels),
        worker_init_fn=runtime.let_others_first,
        pin_memory=torch.cuda.is_available(),
    )


def _decode_batch(paths: Sequence[Path], pixels: Pixels, positions: list[int]):
    whole, broken = {}, {}
    for position in positions:
        try:
            whole[position] = decode(paths[position], pixels)
        except BrokenImageError as error:
            broken[position] = str(error)
    return list(whole), torch.stack(list(whole.values())) if whole else None, broken
