"""Tables of the README and of docs/results/, and the report of one run as a page for the browser.

    python -m reports                                      rewrite the tables from data/results/
    python -m reports --data-dir data/sample               write data/sample/report.html
    python -m reports --data-dir data/kaggle14k --adopt    keep its small results, then rewrite

Reads  data/results/<run>/; with --data-dir the results, figures and models of that run
Writes docs/results/*.md and what stands between `<!-- table: RUN TABLE -->` and `<!-- end -->` in
       both READMEs and both cards; with --data-dir <data-dir>/report.html, or with --adopt
       data/results/<name of the data-dir>/ and the pictures in docs/
"""

import argparse
from pathlib import Path

from PIL import Image

from common import cli
from common.artifacts import Paths, atomic
from reports import write
from reports.runs import adopt

# Pictures of the README: run -> figure -> file. Real products are in none: theirs may not be shown.
PICTURES = {
    "sample": {"clustering_DEC/clusters_k_means": "map.png"},
    "kaggle14k": {
        "regression_DL_SOTA/ensemble_metadata-embedding_listing_grouped_parity": "price.png"
    },
}


def adopt_pictures(data_dir: Path, name: str, target: Path) -> None:
    """Copies the README's pictures of a run, in 128 colours, which keeps them small."""
    for figure, file in PICTURES.get(name, {}).items():
        path = Paths(data_dir).figure(figure)
        if path.exists():
            with Image.open(path) as picture, atomic(target / file) as part:
                picture.convert("RGB").quantize(128).save(part, "PNG", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m reports",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data-dir", type=Path, help="folder of the artefacts of a run")
    parser.add_argument("--raw-dir", type=Path, help="folder of its downloads (<data-dir>/raw)")
    parser.add_argument(
        "--adopt", action="store_true", help="keep its small results, then rewrite the tables"
    )
    args = parser.parse_args()
    if args.adopt and not args.data_dir:
        parser.error("--adopt goes with --data-dir")

    if args.data_dir and not args.adopt:
        from reports.html import write_report  # with the price models, and torch

        path = write_report(Paths(args.data_dir, args.raw_dir))
        print(f"report of the run: {path} (open it in a browser)")
        return

    if args.adopt:
        name = args.data_dir.resolve().name
        adopt(args.data_dir, write.KEPT / name)
        adopt_pictures(args.data_dir, name, write.DOCS)
    print(f"{write.write_all()} files changed in {write.DOCS / 'results'}, the READMEs and cards")


if __name__ == "__main__":
    cli.run(main)
