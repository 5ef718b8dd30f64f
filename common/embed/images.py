"""Image files to batches of pixels: decoded in worker processes, broken ones set aside by name."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch.utils.data import DataLoader
from torchvision.transforms import Compose, Resize, v2

from common import runtime

# From here on worker processes pay for their start.
_WORKERS_FROM = 256
# A JPEG file is decoded at least so many times as large as the model's input: its embedding then
# keeps a cosine of 0.998 to that of the file decoded whole.
_DRAFT = 4


class BrokenImageError(Exception):
    """An image that cannot be decoded; the text is the reason, ``code`` a word for it."""

    def __init__(self, reason: str, code: str = "damaged"):
        super().__init__(reason)
        self.code = code

    def __reduce__(self):  # decoded in worker processes
        return type(self), (str(self), self.code)


class Pixels:
    """A model's input: an open_clip or timm validation transform, taken apart.

    The workers resize and crop and hand over bytes (a quarter of the floats); the device that
    computes normalises. What the transform resizes by torchvision is resized by torch on bytes,
    four times as fast as by Pillow and the same but for a level in one value of three hundred.
    """

    def __init__(self, preprocess: Compose):
        *geometry, _, normalise = preprocess.transforms
        self.geometry = _in_torch(geometry)
        self.mean = torch.as_tensor(normalise.mean).view(3, 1, 1)
        self.std = torch.as_tensor(normalise.std).view(3, 1, 1)
        self.height, self.width = self.cut(Image.new("RGB", (64, 64))).shape[1:]

    def cut(self, image: Image.Image) -> torch.Tensor:
        """An RGB image -> uint8 tensor (3, height, width)."""
        for step in self.geometry:
            image = step(image)
        array = np.array(image, dtype=np.uint8)
        return torch.from_numpy(array).permute(2, 0, 1)

    def normalise(self, batch: torch.Tensor, device: torch.device) -> torch.Tensor:
        """uint8 (n, 3, height, width) -> float32, normalised, channels last, on ``device``."""
        floats = batch.to(device, non_blocking=True).float().div_(255)
        floats.sub_(self.mean.to(device)).div_(self.std.to(device))
        return floats.contiguous(memory_format=torch.channels_last)


def _in_torch(geometry: list) -> list:
    def of_bytes(step: Resize):
        resize = v2.Resize(step.size, step.interpolation, step.max_size, step.antialias)
        return partial(_on_bytes, resize=resize)

    return [of_bytes(step) if isinstance(step, Resize) else step for step in geometry]


def _on_bytes(image: Image.Image, resize: Callable[[torch.Tensor], torch.Tensor]) -> Image.Image:
    """RGB -> RGB by a function of a uint8 tensor (1, 3, height, width), channels last."""
    resized = resize(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None])
    return Image.fromarray(resized[0].permute(1, 2, 0).numpy())


def decode(source: str | Path | Image.Image, pixels: Pixels) -> torch.Tensor:
    """An image file (or an open image) -> uint8 tensor (3, height, width).

    JPEG files are decoded at the smallest power of two that is still four times the input's size;
    greyscale, palette and CMYK become RGB, transparency becomes white, and the camera's
    orientation is honoured. Raises BrokenImageError with the reason.
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
    # Pillow's decoders raise all of these on damaged files.
    except (OSError, ValueError, SyntaxError, IndexError, EOFError) as error:
        raise BrokenImageError(" ".join(str(error).split()) or "damaged") from error


def as_rgb(image: Image.Image) -> Image.Image:
    """Upright by the camera's note, and RGB: transparency becomes white."""
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


class _Files:
    def __init__(self, paths: Sequence[Path], pixels: Pixels):
        self.paths, self.pixels = paths, pixels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, position: int):
        try:
            return position, decode(self.paths[position], self.pixels)
        except BrokenImageError as error:
            return position, str(error)


def _collate(items: list) -> tuple[list[int], torch.Tensor | None, dict[int, str]]:
    whole = [(position, value) for position, value in items if isinstance(value, torch.Tensor)]
    broken = {position: value for position, value in items if isinstance(value, str)}
    batch = torch.stack([value for _, value in whole]) if whole else None
    return [position for position, _ in whole], batch, broken


def worker_count(files: int) -> int:
    """How many worker processes decode that many files; 0 where their start is not worth it."""
    return 0 if files < _WORKERS_FROM else min(runtime.cpu_count(), 16)


def batches(
    paths: Sequence[Path], pixels: Pixels, batch_size: int
) -> Iterator[tuple[list[int], torch.Tensor | None, dict[int, str]]]:
    """Yields (positions, uint8 batch, {position: reason}) over ``paths``, in order."""
    yield from DataLoader(
        _Files(paths, pixels),
        batch_size,
        num_workers=worker_count(len(paths)),
        collate_fn=_collate,
        worker_init_fn=runtime.let_others_first,
        pin_memory=torch.cuda.is_available(),
    )
