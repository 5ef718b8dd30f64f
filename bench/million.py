"""A million products through the training and the prediction of the price model: memory.

Drawn products are tiled to files of embeddings, mapped from disk; the model learns for one epoch (a
further one takes time, not memory) and prices every row. Reported is the most memory that the
process owns (Linux): pages of mapped files, which the system may drop, do not count.
"""

import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from bench.harness import Figures, Options, alone
from bench.products import drawn_products
from common.dataset import Dataset
from common.prices import recipes
from common.prices.features import STUDY_COLUMNS, PriceTask

SIZE, DRAWN = 1_000_000, 10_000


class OwnedMemory(threading.Thread):
    """Watches the memory of this process that no file backs; `peak_mb` is the most."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak_mb, self._over = 0, threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.05):
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon"):
                    self.peak_mb = max(self.peak_mb, int(line.split()[1]) // 1024)

    def stop(self) -> int:
        self._over.set()
        self.join()
        return self.peak_mb


def tile(rows: int, folder: str) -> None:
    """Embeddings of `rows` products as NPY, written a block at a time."""
    dataset = drawn_products(min(DRAWN, rows))
    for name in ("image", "text"):
        part = getattr(dataset, name).astype(np.float32)
        path = Path(folder) / f"{name}.npy"
        tiles = np.lib.format.open_memmap(path, "w+", np.float32, (rows, part.shape[1]))
        for start in range(0, rows, len(part)):
            tiles[start : start + len(part)] = part[: rows - start]
        tiles.flush()


def fit_and_price(rows: int, folder: str) -> dict:
    watch = OwnedMemory()
    watch.start()
    few = drawn_products(min(DRAWN, rows)).table
    table = few.iloc[np.arange(rows) % len(few)].reset_index(drop=True)
    files = (Path(folder) / f"{name}.npy" for name in ("image", "text"))
    image, text = (np.load(file, mmap_mode="r") for file in files)
    dataset = Dataset(table, image, text, "clean")
    everything = np.arange(rows)
    recipes.ENSEMBLE = replace(recipes.ENSEMBLE, epochs=1)
    started = time.perf_counter()
    task = PriceTask.build(dataset, list(STUDY_COLUMNS), (everything, everything[:0], everything))
    ensemble, *_ = recipes.fit_ensemble(task, 0, torch.device("cpu"))
    fit_seconds = time.perf_counter() - started
    usd = ensemble.predict(table, image, text)
    return {
        "fit_seconds": fit_seconds,
        "predict_seconds": time.perf_counter() - started - fit_seconds,
        "median_error": float(np.median(np.abs(usd / table["price_usd"] - 1))),
        "peak_mb": watch.stop(),
    }


def measure(options: Options) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        alone(tile, options.size, folder)
        figures = alone(fit_and_price, options.size, folder).value
        mapped = sum(path.stat().st_size for path in Path(folder).iterdir()) / 2**20
    fitted, priced = figures["fit_seconds"], figures["predict_seconds"]
    summary = (
        f"{options.size:,} products, {mapped:,.0f} MB of embeddings: one epoch and the kernel "
        f"in {fitted:.0f} s, all priced in {priced:.0f} s, {figures['peak_mb']:,} MB at most"
    )
    yield summary, {"rows": options.size, "embeddings_mb": mapped, **figures}
