"""Runs the benches one after the other and keeps what they say in ``data/results/bench/``.

    python -m bench                       all, the longest at a smaller size (make bench)
    python -m bench transactions train    these, at their full size; what others said last stays

A file of JSON lines a bench; ``python -m reports`` makes the table of ``bench/README.md``.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from common.artifacts import Paths, StageError, atomic
from common.cli import run
from reports.__main__ import KEPT

NAMES = ("transactions", "merge", "llm", "embed", "train", "predict", "million", "pipeline")
# Where all of them run; by name each runs at its full size.
SMALLER = {
    "llm": ["--rows", "16", "--loop-rows", "2"],
    "train": ["--rows", "8000"],
    "million": ["--rows", "100000"],
    "pipeline": ["--products", "120", "--times", "1", "4"],
}


def keep(name: str, options: list[str]) -> None:
    """Runs one bench, shows its sentences, and keeps its lines when it has ended well."""
    print(f"== {name}", flush=True)
    command = [sys.executable, "-m", f"bench.{name}", *options]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith('{"bench"'):
                lines.append(json.loads(line))
            else:
                print(line, end="", flush=True)
    if process.returncode or not lines:
        raise StageError(f"bench.{name} failed; what it said last time is kept")
    with atomic(Path(KEPT) / "bench" / f"{name}.jsonl") as part:
        part.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (all)")
    parser.add_argument("--data-dir", default="data/sample", help="of predict; of train by name")
    parser.add_argument("--raw-dir", help="its downloads (<data-dir>/raw)")
    args = parser.parse_args()
    for name in args.names:
        if name not in NAMES:
            parser.error(f"{name} is none of {', '.join(NAMES)}")
    for name in args.names or NAMES:
        options = [] if args.names else SMALLER.get(name, [])
        finished = Paths(args.data_dir).clusters.exists()
        if name == "predict" and not finished:
            print(f"== {name} left out: {args.data_dir} holds no finished run (make demo)")
            continue
        if name == "predict" or (name == "train" and args.names and finished):
            options = [*options, "--data-dir", args.data_dir]
            options += ["--raw-dir", args.raw_dir] if args.raw_dir else []
            options += ["--products"] if name == "train" else []
        keep(name, options)


if __name__ == "__main__":
    run(main)
