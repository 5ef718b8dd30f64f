"""How a classification network is trained and read: the choice, its flag, the names of its rows.

`cross-entropy`, read by argmax, is the default. `study` is the published study's: one sigmoid per
class under binary cross-entropy, right only if exactly the true class passes 0.5. Its weights are
read by argmax too, which shows how much of a score the reading alone costs.

Only the standard library is imported here: `--help` of every stage passes through.
"""

from common import cli

CRITERIA = ("cross-entropy", "study")


def add_arguments(parser, finetune: bool = False) -> None:
    """Add `--criterion` to a stage's parser, and `--finetune` to one that has a backbone."""
    group = parser.add_argument_group("classification")
    group.add_argument(
        "--criterion",
        choices=CRITERIA,
        default="cross-entropy",
        help="cross-entropy and argmax (default), or the study's: sigmoids, exact match at 0.5",
    )
    cli.tuning_option(group)
    if finetune:
        group.add_argument(
            "--finetune", action="store_true", help="train the backbone too, not only the heads"
        )


def model_names(model: str, criterion: str) -> tuple[str, ...]:
    """The names under which the answers of `model` stand in the results table."""
    if criterion == "study":
        return f"{model} (study criterion)", f"{model} (study criterion, argmax)"
    return (model,)
