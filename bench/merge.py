"""Ten thousand JSON files of the Fashion download become rows: worker processes, and a plain loop.

    python -m bench.merge

Compared on one drawn catalogue, its files read once before so that no way pays for the disk:

ours     ``common.merge.sources.read_styles``: styles.csv, every JSON, plain texts, which images
exist usual    a loop of ``json.load``, texts stripped by the standard library's HTML parser
bare     the loop alone: nothing but ``json.load`` and four values taken

Each is run ROUNDS times, in turn, and its median counts. Beside it the whole merge of stage 1. The
floor is the bare loop's work spread evenly over the cores: what faster parsing and cleaning alone
could not undercut.
"""

import argparse
import contextlib
import io
import json
import tempfile
from pathlib import Path

from common import runtime

FILES, ROUNDS = 10_000, 3


def make(raw: Path, files: int) -> None:
    """The drawn catalogue in both layouts, with empty files for pictures."""
    from common.artifacts import FASHION_FOLDER, HNM_FOLDER
    from sample import catalogue
    from sample.layout_fashion import write_fashion
    from sample.layout_hnm import write_hnm

    made = catalogue.catalogue(2 * files, seed=0)
    hnm, fashion = raw / HNM_FOLDER, raw / FASHION_FOLDER
    for folder in (hnm, fashion / "styles"):
        folder.mkdir(parents=True)
    for picture in write_hnm(made["HNM"], hnm, 0) + write_fashion(made["FASHION"], fashion, 0):
        picture.path.parent.mkdir(parents=True, exist_ok=True)
        picture.path.touch()
    for path in (fashion / "styles").iterdir():
        path.read_bytes()


def ours(folder: Path) -> int:
    from common.merge import sources

    return len(sources.read_styles(folder))


def usual(folder: Path) -> int:
    from html.parser import HTMLParser

    class Text(HTMLParser):
        def __init__(self):
            super().__init__()
            self.parts = []

        def handle_data(self, data):
            self.parts.append(data)

    rows = []
    for path in (folder / "styles").iterdir():
        with contextlib.suppress(ValueError), path.open() as file:
            data = json.load(file)["data"]
            texts = []
            for descriptor in data["productDescriptors"].values():
                parser = Text()
                parser.feed(descriptor["value"])
                texts.append(" ".join("".join(parser.parts).split()))
            values = (data["discountedPrice"], data["price"], data["brandName"], data["ageGroup"])
            rows.append((*values, " ".join(texts)))
    return len(rows)


def bare(folder: Path) -> int:
    rows = []
    for path in (folder / "styles").iterdir():
        with contextlib.suppress(ValueError), path.open() as file:
            data = json.load(file)["data"]
            values = (data["discountedPrice"], data["price"], data["brandName"], data["ageGroup"])
            rows.append(values)
    return len(rows)


def whole(raw: Path) -> int:
    """Stage 1 up to the product table."""
    from common.artifacts import Paths
    from common.merge.table import merge_sources

    with contextlib.redirect_stdout(io.StringIO()):
        return len(merge_sources(Paths(raw.parent, raw))[0])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=FILES, help=f"how many ({FILES:,})")
    files = parser.parse_args().files

    import statistics

    from bench.measure import alone, say
    from common.artifacts import FASHION_FOLDER

    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        alone(make, raw, files)
        runs = [
            {
                way.__name__: alone(way, raw / FASHION_FOLDER, imports=("common.merge.table",))
                for way in (bare, usual, ours)
            }
            for _ in range(ROUNDS)
        ]
        merged = alone(whole, raw, imports=("common.merge.table",))
    seconds = {name: statistics.median(one[name].seconds for one in runs) for name in runs[0]}
    rate = {name: runs[0][name].value / took for name, took in seconds.items()}
    floor = seconds["bare"] / runtime.cpu_count()
    say(
        "merge",
        f"{files:,} JSON files: {rate['ours']:,.0f} rows/s, {rate['ours'] / rate['usual']:.1f} "
        f"times the usual loop's and {rate['ours'] / rate['bare']:.1f} times those of json.load "
        f"alone (spread over the cores that would be {files / floor:,.0f}); the whole merge of "
        f"{merged.value:,} products {merged.seconds:.1f} s, {merged.peak_mb} MB",
        files=files,
        rows_per_s=rate,
        faster_than_usual=rate["ours"] / rate["usual"],
        faster_than_bare=rate["ours"] / rate["bare"],
        floor_s=floor,
        ours_s=seconds["ours"],
        merge_s=merged.seconds,
        merge_products=merged.value,
        merge_peak_mb=merged.peak_mb,
    )


if __name__ == "__main__":
    main()
