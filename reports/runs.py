"""A run's results as read from disk: result tables, manifests, and the reachable R2 of a sample."""

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from common.artifacts import StageError, atomic, write_json
from common.product_table import read_table
from sample.catalogue import TRUTH_TABLE, ceiling_r2

MANIFEST = ".meta.json"
CEILING = "ceiling.json"
PRICE_FILES = ("regression_ML", "regression_DL_SOTA")
MANIFEST_FIELDS = (
    "artifact command git versions hardware preset seed limit settings seconds peak_memory_mb"
).split()


@dataclass
class RunResults:
    """What a run left: a frame per results file, by the file's stem, and the manifests by file.

    ceiling: of a drawn catalogue, the R2 that no model can honestly beat; else empty.
    benches: the figures of each bench, in the order of their files.
    """

    name: str
    frames: dict[str, pd.DataFrame]
    manifests: dict[str, dict] = field(default_factory=dict)
    ceiling: dict[str, float] = field(default_factory=dict)
    benches: list[dict] = field(default_factory=list)

    @property
    def synthetic(self) -> bool:
        """Whether the products are drawn, so that their price formula is known."""
        return bool(self.ceiling)

    def frame(self, files: tuple[str, ...]) -> pd.DataFrame:
        """The rows of those of the files that are there, one below the other; may be empty."""
        frames = [self.frames[name] for name in files if name in self.frames]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def read_run(folder: Path) -> RunResults:
    """Reads a folder that :func:`adopt` wrote, or the results of a bench; empty where absent."""
    return RunResults(
        folder.name,
        {path.stem: pd.read_csv(path) for path in sorted(folder.glob("*.csv"))},
        {
            path.name.removesuffix(MANIFEST): _json(path)
            for path in sorted(folder.glob(f"*{MANIFEST}"))
        },
        _json(folder / CEILING) if (folder / CEILING).exists() else {},
        [
            json.loads(line)
            for path in sorted(folder.glob("*.jsonl"))
            for line in path.read_text("utf-8").splitlines()
        ],
    )


def adopt(data_dir: Path, target: Path) -> None:
    """Copies the results tables and the manifests of a run to `target`.

    Manifests lose their hashes, and of a path that leads out of the working folder only the last
    part stays: where a run lay on someone's disk is nobody's business. Raises StageError where
    there are no results.
    """
    tables = sorted((data_dir / "results").glob("*.csv"))
    if not tables:
        raise StageError(f"{data_dir} holds no results; run the stages with --data-dir {data_dir}")
    target.mkdir(parents=True, exist_ok=True)
    for old in [*target.glob("*.csv"), *target.glob(f"*{MANIFEST}"), target / CEILING]:
        old.unlink(missing_ok=True)
    for table in tables:
        with atomic(target / table.name) as part:
            shutil.copyfile(table, part)
    for path in [*data_dir.glob(f"*{MANIFEST}"), *(data_dir / "results").glob(f"*{MANIFEST}")]:
        manifest = _json(path)
        slim = {name: manifest[name] for name in MANIFEST_FIELDS if name in manifest}
        write_json(_without_folders(slim), target / path.name)
    if (data_dir / "raw" / TRUTH_TABLE).exists():
        products = read_table(data_dir / "merged_dataset.csv")
        test = products[(products["split"] == "test") & (products["market"] == "retail")]
        write_json(ceiling_r2(data_dir / "raw", test), target / CEILING)


def above_ceiling(run: RunResults) -> list[str]:
    """Price models that score better than a drawn catalogue's noise allows, which means a leak."""
    frame = run.frame(PRICE_FILES)
    if not run.ceiling or frame.empty:
        return []
    honest = frame[(frame["text"] == "clean") & (frame["split"] == "grouped")]
    return [
        f"{row.model} on {row.experiment} (R2 {row.r2:.3f})"
        for row in honest[honest["r2"] > run.ceiling["r2"]].itertuples()
    ]


def _json(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


def _without_folders(value):
    if isinstance(value, dict):
        return {name: _without_folders(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_folders(part) for part in value]
    if isinstance(value, str):
        return re.sub(r"(?<![^\s='\"])(?:~|\.\.)?/\S*?([^\s/'\"]+)/?(?=[\s'\"]|$)", r"\1", value)
    return value
