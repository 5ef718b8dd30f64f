"""The tables of the README, written from the results of the runs kept in the repository.

    python -m reports                                  rewrite both READMEs and the cards
    python -m reports --data-dir data/sample --show    print the tables of a run
    python -m reports --data-dir data/study --adopt    keep its small results, then rewrite

Reads  data/results/<run>/ (with --show and --adopt: <data-dir>)
Writes what stands between `<!-- table: RUN TABLE -->` and `<!-- end -->` in both READMEs and both
       cards (MODEL_CARD.md, DATA_CARD.md); with --adopt also data/results/<name of the data-dir>/
       and the pictures in docs/
"""

import argparse
import json
import re
import shutil
import tempfile
from pathlib import Path

from common.artifacts import Paths, StageError, atomic, write_json
from common.cli import run
from common.product_table import read_table
from reports.markdown import markdown
from reports.tables import CEILING, MANIFEST, TABLES, above_ceiling, read
from sample.catalogue import TRUTH_TABLE, ceiling_r2

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "data" / "results"
DOCS = ROOT / "docs"
READMES = {"en": ROOT / "README.md", "ko": ROOT / "README.ko.md"}
BENCHES = ROOT / "bench" / "README.md"  # in English only
CARDS = (ROOT / "MODEL_CARD.md", ROOT / "DATA_CARD.md")
MARKED = re.compile(r"(<!-- table: (\S+) (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
MANIFEST_FIELDS = (
    "artifact command git versions hardware preset seed limit settings seconds peak_memory_mb"
).split()

# Pictures of the README: run -> figure -> file. Real products are in none: theirs may not be shown.
PICTURES = {
    "sample": {"clusters_k_means": "map.png"},
    "study": {"regression_DL_SOTA_ensemble_metadata-embedding_listing_grouped_parity": "price.png"},
}


def adopt(data_dir: Path, target: Path) -> None:
    """Copies the results tables and the manifests of a run to `target`.

    Manifests lose their hashes, and of a path that leads out of the working folder only the last
    part stays: where a run lay on someone's disk is nobody's business.
    """
    tables = sorted((data_dir / "results").glob("*.csv"))
    if not tables:
        raise StageError(f"{data_dir} holds no results; run the stages with --data-dir {data_dir}")
    target.mkdir(parents=True, exist_ok=True)
    for old in [*target.glob("*.csv"), *target.glob(f"*{MANIFEST}")]:
        old.unlink()
    for table in tables:
        with atomic(target / table.name) as part:
            shutil.copyfile(table, part)
    for path in [*data_dir.glob(f"*{MANIFEST}"), *(data_dir / "results").glob(f"*{MANIFEST}")]:
        known = json.loads(path.read_text("utf-8"))
        slim = {name: known[name] for name in MANIFEST_FIELDS if name in known}
        write_json(_without_places(slim), target / path.name)
    (target / CEILING).unlink(missing_ok=True)
    if (data_dir / "raw" / TRUTH_TABLE).exists():
        table = read_table(data_dir / "merged_dataset.csv")
        write_json(ceiling_r2(data_dir / "raw", table[table["split"] == "test"]), target / CEILING)


def _without_places(value):
    if isinstance(value, dict):
        return {name: _without_places(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_places(each) for each in value]
    if isinstance(value, str):
        return re.sub(r"(?<![^\s='\"])(?:~|\.\.)?/\S*?([^\s/'\"]+)/?(?=[\s'\"]|$)", r"\1", value)
    return value


def adopt_pictures(data_dir: Path, name: str, target: Path = DOCS) -> None:
    """Copies the README's pictures of a run, in 128 colours, which keeps them small."""
    from PIL import Image

    for figure, file in PICTURES.get(name, {}).items():
        path = Paths(data_dir).figure(figure)
        if path.exists():
            with Image.open(path) as picture, atomic(target / file) as part:
                picture.convert("RGB").quantize(128).save(part, "PNG", optimize=True)


def rewrite(path: Path, language: str, folder: Path = KEPT) -> str:
    """The text of a README with every marked table made anew from the runs below `folder`."""

    def table(match: re.Match) -> str:
        begin, name, kind, end = match.groups()
        return begin + markdown(read(folder / name), kind, language) + end

    return MARKED.sub(table, path.read_text("utf-8"))


def show(data_dir: Path) -> None:
    """Prints the tables of a run, and where its figures lie."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / data_dir.resolve().name
        adopt(data_dir, folder)
        kept = read(folder)
    if beating := above_ceiling(kept):
        raise StageError(
            f"R2 above the best reachable {kept.ceiling['r2']:.3f}, so the price leaks into the "
            f"features: {', '.join(beating)}"
        )
    for name in TABLES:
        print(f"\n## {name}\n\n{markdown(kept, name)}")
    figures = sorted((data_dir / "figures").glob("*.png"))
    print(f"{len(figures)} figures in {data_dir / 'figures'}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="folder of the artefacts of a run")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--show", action="store_true", help="print the tables of that run")
    what.add_argument("--adopt", action="store_true", help="keep its small results, then rewrite")
    args = parser.parse_args()
    if (args.show or args.adopt) != bool(args.data_dir):
        parser.error("--data-dir goes with --show or --adopt")

    if args.show:
        show(args.data_dir)
        return
    if args.adopt:
        name = args.data_dir.resolve().name
        adopt(args.data_dir, KEPT / name)
        adopt_pictures(args.data_dir, name)
    english = [("en", path) for path in (BENCHES, *CARDS)]
    for language, path in [*READMES.items(), *english]:
        text = rewrite(path, language)
        with atomic(path) as part:
            part.write_text(text, "utf-8")
        print(f"wrote the tables of {path.relative_to(ROOT)}")


if __name__ == "__main__":
    run(main)
