"""The study's way to train a price network against ours: seconds, epochs and R2, in one run.

    python -m bench.train --data-dir data/study --raw-dir PATH
    python -m bench.train --data-dir data/sample --limit 400          a try
    python -m bench.train --data-dir data/study --raw-dir PATH --features listing --device cuda

Each recipe trains in a process of its own, on the same rows, and is scored on the test side.
Where there is a GPU both are trained there too, and the GPU's gain is said beside ours.
"""

from bench import measure
from common import cli

RECIPES = {"study": "Advanced MLP", "ours": "MLP + kernel"}


def train(args, recipe: str, features: str, device: str) -> dict:
    """Fits one recipe; seconds of fitting alone, without the reading of data before it."""
    import torch

    from common import price_contest, pricing

    dataset = price_contest.load(args)
    sides = price_contest.sides(dataset)
    columns = pricing.columns(dataset.table, pricing.EXPERIMENTS["metadata"], features)
    if device == "cuda":  # its start is nobody's training
        torch.zeros(1, device=device)
    priced = price_contest.fit(
        RECIPES[recipe], dataset, columns, sides, args.seed[0], torch.device(device)
    )
    found = price_contest.scores(dataset, sides[2], priced)
    return {"epochs": priced.epochs, **found}


def compare(args, features: str, device: str) -> dict:
    """Both recipes on one device, and what ours is as a share of the study's."""
    found = {
        recipe: measure.alone(train, args, recipe, features, device).value for recipe in RECIPES
    }
    study, ours = found["study"], found["ours"]
    found["ratio"] = {
        name: ours[name] / study[name] for name in ("fit_seconds", "epochs", "mae", "mdape")
    } | {"r2_gain": ours["r2"] - study["r2"]}
    ratio = found["ratio"]
    measure.say(
        "train",
        f"{device}, {features} features, {study['n_train'] + study['n_test']:,} rows: "
        f"the study's recipe {study['fit_seconds']:.1f} s, {study['epochs']} epochs, "
        f"R2 {study['r2']:.3f}; ours {ours['fit_seconds']:.1f} s, {ours['epochs']} epochs, "
        f"R2 {ours['r2']:.3f}: {ratio['fit_seconds']:.2f} of the time, "
        f"MAE {ratio['mae']:.2f} and median error {ratio['mdape']:.2f} of the study's",
        device=device,
        features=features,
        **found,
    )
    return found


def main() -> None:
    parser = cli.parser(__doc__)
    parser.add_argument_group("what to train on").add_argument(
        "--features", nargs="+", choices=("study", "listing"), default=["study", "listing"]
    )
    args = cli.parse(parser)

    import torch

    from common import price_contest

    price_contest.load(args)  # makes what is missing here, once, and not in each run
    there = torch.cuda.is_available() and args.device != "cpu"
    devices = ["cuda"] if args.device == "cuda" else ["cpu", *(["cuda"] if there else [])]
    for features in args.features:
        found = {device: compare(args, features, device) for device in devices}
        if len(found) == 2:
            gains = {
                recipe: found["cpu"][recipe]["fit_seconds"] / found["cuda"][recipe]["fit_seconds"]
                for recipe in RECIPES
            }
            measure.say(
                "train",
                f"the GPU is {gains['study']:.1f} times as fast on the study's recipe, "
                f"{gains['ours']:.1f} times on ours",
                features=features,
                gpu_gain=gains,
            )


if __name__ == "__main__":
    cli.run(main)
