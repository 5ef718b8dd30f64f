"""A million products through the training and the prediction of the price model: memory.

    python -m bench.million
    python -m bench.million --rows 50000          a try

Drawn products (bench.train) are tiled to files of embeddings, which are mapped from disk; the model
learns for one epoch (a further one takes time, not memory) and prices every row. Reported is the
most memory that the process owns; pages of mapped files, which the system may drop, do not count.
"""

import argparse
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from bench.measure import alone, say
from common import runtime

ROWS, DRAWN = 1_000_000, 10_000


class OwnMemory(threading.Thread):
    """Watches the memory of this process that no file backs; `peak_mb` is the most seen."""

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
    import numpy as np

    from bench.train import drawn

    dataset = drawn(min(DRAWN, rows))
    for name in ("image", "text"):
        part = getattr(dataset, name).astype(np.float32)
        path = Path(folder) / f"{name}.npy"
        made = np.lib.format.open_memmap(path, "w+", np.float32, (rows, part.shape[1]))
        for start in range(0, rows, len(part)):
            made[start : start + len(part)] = part[: rows - start]
        made.flush()


def pass_through(rows: int, folder: str) -> dict:
    import numpy as np
    import torch

    from bench.train import drawn
    from common.dataset import Dataset
    from common.prices import features as pricing
    from common.prices import model as price_model
    from common.prices import recipes as price_recipes

    runtime.keep_memory()
    watch = OwnMemory()
    watch.start()
    few = drawn(min(DRAWN, rows)).table
    table = few.iloc[np.arange(rows) % len(few)].reset_index(drop=True)
    image, text = (
        np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in ("image", "text")
    )
    dataset = Dataset(table, image, text, "clean")
    everything = np.arange(rows)
    encoder = pricing.PriceFeatures.fit(dataset, everything, list(pricing.STUDY_COLUMNS))
    price_recipes.ENSEMBLE = replace(price_recipes.ENSEMBLE, epochs=1)
    started = time.perf_counter()
    matrix, device = price_model.matrix_of(encoder, dataset), torch.device("cpu")
    model, _, _ = price_recipes.fit_ensemble(
        encoder, matrix, table, everything, everything[:0], 0, device
    )
    fitted = time.perf_counter()
    usd = model.predict(table, image, text)
    priced = time.perf_counter()
    error = float(np.median(np.abs(usd / table["price_usd"] - 1)))
    return {
        "fit_seconds": fitted - started,
        "predict_seconds": priced - fitted,
        "median_error": error,
        "peak_mb": watch.stop(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=ROWS, help=f"products ({ROWS:,})")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        alone(tile, args.rows, folder)
        found = alone(pass_through, args.rows, folder).value
        mapped = sum(path.stat().st_size for path in Path(folder).iterdir()) / 2**20
    say(
        "million",
        f"{args.rows:,} products, {mapped:,.0f} MB of embeddings on disk: one epoch and the kernel "
        f"in {found['fit_seconds']:.0f} s, all priced in {found['predict_seconds']:.0f} s, "
        f"{found['peak_mb']:,} MB of memory at most",
        rows=args.rows,
        embeddings_mb=mapped,
        **found,
    )


if __name__ == "__main__":
    main()
