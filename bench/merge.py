"""Ten thousand JSON files of the Fashion download become rows: worker processes, and a plain loop.

Compared on one drawn catalogue, its files read once before so that no way pays for the disk:

ours     ``common.merge.sources.read_styles``: styles.csv, JSON, plain texts, which images exist
usual    a loop of ``json.load``, texts stripped by the standard library's HTML parser

Each is run ROUNDS times, in turn, and its median counts. Beside it the whole merge of stage 1.
"""

import contextlib
import io
import json
import statistics
import tempfile
from html.parser import HTMLParser
from pathlib import Path

from bench.harness import Figures, Options, alone
from common.artifacts import FASHION_FOLDER, HNM_FOLDER, Paths
from common.merge import sources
from common.merge.table import merge_sources
from sample.catalogue import catalogue
from sample.layout_fashion import write_fashion
from sample.layout_hnm import write_hnm

SIZE, ROUNDS = 10_000, 3


class Text(HTMLParser):
    """The text of a piece of HTML, in ``parts``."""

    def __init__(self, html: str):
        super().__init__()
        self.parts: list[str] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def draw(raw: Path, files: int) -> None:
    """The drawn catalogue in both layouts, with empty files for pictures."""
    products = catalogue(2 * files, seed=0)
    hnm, fashion = raw / HNM_FOLDER, raw / FASHION_FOLDER
    for folder in (hnm, fashion / "styles"):
        folder.mkdir(parents=True)
    pictures = write_hnm(products["HNM"], hnm, 0) + write_fashion(products["FASHION"], fashion, 0)
    for picture in pictures:
        picture.path.parent.mkdir(parents=True, exist_ok=True)
        picture.path.touch()
    for path in (fashion / "styles").iterdir():
        path.read_bytes()


def ours(folder: Path) -> int:
    return len(sources.read_styles(folder))


def usual(folder: Path) -> int:
    rows = []
    for path in (folder / "styles").iterdir():
        with contextlib.suppress(ValueError), path.open() as file:
            data = json.load(file)["data"]
            html = [part["value"] for part in data["productDescriptors"].values()]
            texts = [" ".join("".join(Text(value).parts).split()) for value in html]
            values = (data["discountedPrice"], data["price"], data["brandName"], data["ageGroup"])
            rows.append((*values, " ".join(texts)))
    return len(rows)


def whole_merge(raw: Path) -> int:
    """Stage 1 up to the product table."""
    with contextlib.redirect_stdout(io.StringIO()):
        return len(merge_sources(Paths(raw.parent, raw))[0])


def measure(options: Options) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        alone(draw, raw, options.size)
        runs: dict[str, list[float]] = {"ours": [], "usual": []}
        for _ in range(ROUNDS):
            for way in (usual, ours):
                runs[way.__name__].append(alone(way, raw / FASHION_FOLDER).seconds)
        merge = alone(whole_merge, raw)
    seconds = {name: statistics.median(values) for name, values in runs.items()}
    ratio = seconds["usual"] / seconds["ours"]
    summary = (
        f"{options.size:,} JSON files at {options.size / seconds['ours']:,.0f} a second, "
        f"{ratio:.1f} times the usual loop's; the whole merge of {merge.value:,} products "
        f"{merge.seconds:.1f} s, {merge.peak_mb} MB"
    )
    figures = {"files": options.size, "seconds": seconds, "faster_than_usual": ratio}
    yield summary, {**figures, "merge_seconds": merge.seconds, "merge_peak_mb": merge.peak_mb}
