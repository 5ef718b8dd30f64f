"""Speed, each figure a ratio of two ways in one run; bench/README.md says what each bench compares.

    python -m bench                         all, the longest at a smaller size (make bench)
    python -m bench transactions million    these, at their full size; the others' figures stay
    python -m bench train --size 4000       a try, which keeps nothing
    python -m bench train predict --data-dir data/kaggle14k --raw-dir PATH

Writes a file of JSON lines a bench into data/results/bench/, of which ``python -m reports`` makes
docs/results/speed.md.
"""

import argparse
import importlib
import json
from pathlib import Path

from bench.harness import Options
from common.artifacts import Paths, atomic
from common.cli import run
from common.runtime import hardware

RESULTS = Path(__file__).resolve().parents[1] / "data" / "results" / "bench"
NAMES = ("transactions", "merge", "llm", "embed", "train", "predict", "million", "pipeline")
SMALLER = {"llm": 16, "train": 8000, "million": 100_000, "pipeline": 120}  # of all together
SAMPLE = "data/sample"


def rounded(value: object) -> object:
    """Numbers to four digits, at any depth."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (all)")
    parser.add_argument("--size", type=int, help="rows, files or products; keeps no figures")
    parser.add_argument("--data-dir", help=f"of train, llm, predict (this one: {SAMPLE})")
    parser.add_argument("--raw-dir", help="its downloads (<data-dir>/raw)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu")
    args = parser.parse_args()
    if unknown := set(args.names) - set(NAMES):
        parser.error(f"{', '.join(sorted(unknown))}: none of {', '.join(NAMES)}")
    for name in args.names or NAMES:
        print(f"== {name}", flush=True)
        data_dir = args.data_dir or (SAMPLE if name == "predict" else None)
        paths = Paths(data_dir, args.raw_dir) if data_dir else None
        if name == "predict" and not paths.clusters.exists():
            print(f"left out: {data_dir} holds no finished run (make demo)")
            continue
        bench = importlib.import_module(f"bench.{name}")
        size = args.size or (bench.SIZE if args.names else SMALLER.get(name, bench.SIZE))
        lines = []
        for summary, figures in bench.measure(Options(size, paths, args.device)):
            print(summary, flush=True)
            line = {"bench": name, "summary": summary, **rounded(figures), "hardware": hardware()}
            lines.append(json.dumps(line) + "\n")
        if not args.size:
            with atomic(RESULTS / f"{name}.jsonl") as part:
                part.write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    run(main)
