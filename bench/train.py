"""The study's way to train against ours: seconds, epochs and errors, in one run.

    python -m bench.train                                             at the study's size, drawn
    python -m bench.train --rows 4000                                 a try
    python -m bench.train --data-dir data/study --raw-dir PATH        the price on real products too
    python -m bench.train --data-dir data/study --raw-dir PATH --device cuda

At the study's size, 73,000 rows of 1,050 features drawn on the spot: the price by networks and by
LightGBM, and CLIP Fusion. With ``--data-dir`` also the price of its products. Each way trains in a
process of its own, on the same rows, and is scored on the test side. Where there is a GPU the price
networks are trained there too, and the GPU's gain is said beside ours.
"""

from bench import measure
from common import cli, runtime

WAYS = ("study", "ours")
ROWS, LATENT, EMBEDDING = 73_000, 32, 512


def drawn(rows: int):
    """Products whose price and labels follow from what both embeddings say with noise.

    Two embeddings of 512, and 26 values of source, gender, category and usage.
    """
    import numpy as np
    import pandas as pd

    from common.dataset import Dataset
    from common.merge import splits, taxonomy
    from common.prices import features as pricing

    draw = np.random.default_rng(0)
    latent = draw.normal(size=(rows, LATENT)).astype(np.float32)

    def told(noise: float):
        made = latent @ draw.normal(size=(LATENT, EMBEDDING)).astype(np.float32)
        made += noise * np.sqrt(LATENT) * draw.normal(size=made.shape).astype(np.float32)
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    hidden = np.tanh(latent @ draw.normal(size=(LATENT, 64)) / 2)
    level = hidden @ draw.normal(size=64) / 8 + 0.2 * draw.normal(size=rows)
    table = pd.DataFrame({"price_usd": np.exp(2.5 + 0.6 * level)})
    values = (("HNM", "FASHION"), taxonomy.GENDERS, taxonomy.CATEGORIES, taxonomy.USAGES)
    for column, names in zip(pricing.STUDY_COLUMNS, values, strict=True):
        scores = latent @ draw.normal(size=(LATENT, len(names)))
        table[column] = np.array(names)[scores.argmax(axis=1)]
    table["group"] = [str(row) for row in range(rows)]
    table["split"] = draw.choice(splits.SPLITS, rows, p=(0.64, 0.16, 0.2))
    return Dataset(table, told(1.0), told(1.0), "clean")


def price(dataset, columns, way: str, seed: int, device: str) -> dict:
    """Fits one recipe's networks; the seconds are of fitting alone."""
    import torch

    from common.prices import recipes as price_recipes
    from experiments import price_models as price_contest

    runtime.keep_memory()
    if device == "cuda":  # its start is nobody's training
        torch.zeros(1, device=device)
    sides = price_contest.sides(dataset)
    name = price_recipes.NAMES[{"ours": "ensemble"}.get(way, way)]
    priced = price_contest.fit(name, dataset, columns, sides, seed, torch.device(device))
    return {"epochs": priced.epochs, **price_contest.scores(dataset, sides[2], priced)}


def of_products(args, way: str, features: str, device: str) -> dict:
    from common.prices import features as pricing
    from experiments import price_models as price_contest

    dataset = price_contest.load(args)
    columns = pricing.columns(dataset.table, pricing.EXPERIMENTS["metadata"], features)
    return price(dataset, columns, way, args.seed[0], device)


def of_drawn(rows: int, way: str, device: str) -> dict:
    from common.prices import features as pricing

    return price(drawn(rows), list(pricing.STUDY_COLUMNS), way, 0, device)


def trees_of_drawn(rows: int, way: str) -> dict:
    """LightGBM with the study's settings, and with ours."""
    import time

    import numpy as np

    from common.prices import features as pricing
    from common.prices import trees as price_trees
    from experiments import price_models as price_contest

    runtime.keep_memory()
    dataset = drawn(rows)
    train, validation, test = price_contest.sides(dataset)
    learn = np.concatenate([train, validation])
    encoder = pricing.PriceFeatures.fit(dataset, learn, list(pricing.STUDY_COLUMNS))
    matrix = encoder.matrix(dataset.table, dataset.image, dataset.text)
    usd = dataset.table["price_usd"].to_numpy()
    settings = {"study": price_trees.STUDY, "ours": price_trees.TUNED}[way]["LightGBM"]
    started = time.perf_counter()
    trees = price_trees.Trees("LightGBM", settings, encoder.widths).fit(matrix[learn], usd[learn])
    seconds = time.perf_counter() - started
    priced = price_contest.Priced(trees.predict(matrix[test]), learn, seconds)
    return price_contest.scores(dataset, test, priced)


def fusion_of_drawn(rows: int, way: str, device: str) -> dict:
    """CLIP Fusion as the study trains its networks, and as stage 3d does."""
    import numpy as np
    import torch

    from common.dataset import TASKS, labels, sides
    from common.labels import clip_fusion as fusion
    from common.labels import multitask, networks
    from common.prices import recipes as price_recipes
    from common.training import fit, predict

    runtime.keep_memory()
    dataset, device = drawn(rows), torch.device(device)
    config = {"study": price_recipes.STUDY, "ours": fusion.config(**fusion.TRAINING)}[way]
    truth = {task: labels(dataset.table, task) for task in TASKS}
    batches = multitask.array_batches(dataset.image, dataset.text, batch_size=config.batch_size)
    train, validation, test = sides(dataset.table)
    made = [
        batches(one, {task: torch.from_numpy(y[one]) for task, (y, _) in truth.items()}, learns, 0)
        for one, learns in ((train, True), (validation, False))
    ]
    runtime.seed_everything(0)
    classes = {task: len(names) for task, (_, names) in truth.items()}
    network = networks.ClipFusion(EMBEDDING, EMBEDDING, classes, **fusion.NETWORK)
    history = fit(network, *made, multitask.loss("cross-entropy"), config, device)
    said = predict(network, batches(test, None, False, 0), device)
    wrong = [float(np.mean(said[task].argmax(axis=1) != y[test])) for task, (y, _) in truth.items()]
    return {
        "n_train": len(train),
        "n_test": len(test),
        "epochs": history.epochs,
        "fit_seconds": history.seconds,
        "error": float(np.mean(wrong)),
    }


def compare(what: str, errors: tuple[str, ...], function, *arguments) -> dict:
    """Both ways, each alone; ``errors``: figures of which less is better. Says the ratios."""
    found = {
        way: measure.alone(function, *arguments[:1], way, *arguments[1:]).value for way in WAYS
    }
    study, ours = found["study"], found["ours"]
    ratio = {name: ours[name] / study[name] for name in ("fit_seconds", *errors)}
    measure.say(
        "train",
        f"{what}, {study['n_train']:,} rows to learn from: the study's way "
        f"{study['fit_seconds']:.1f} s, ours {ours['fit_seconds']:.1f} s, "
        f"{ratio['fit_seconds']:.2f} of it; "
        + ", ".join(f"{name} {study[name]:.3f} and {ours[name]:.3f}" for name in errors),
        what=what,
        **found,
        ratio=ratio,
    )
    return found


def main() -> None:
    parser = cli.parser(__doc__)
    group = parser.add_argument_group("what to train on")
    group.add_argument("--rows", type=int, default=ROWS, help=f"to draw ({ROWS:,})")
    group.add_argument("--products", action="store_true", help="those of --data-dir as well")
    args = cli.parse(parser)

    import torch

    there = torch.cuda.is_available() and args.device != "cpu"
    devices = ["cuda"] if args.device == "cuda" else ["cpu", *(["cuda"] if there else [])]
    rows = args.rows
    seconds = {}
    for device in devices:
        found = compare(f"price, drawn, {device}", ("mae", "mdape"), of_drawn, rows, device)
        seconds[device] = {way: found[way]["fit_seconds"] for way in WAYS}
    compare("LightGBM, drawn", ("mae", "mdape"), trees_of_drawn, rows)
    compare(f"CLIP Fusion, drawn, {devices[0]}", ("error",), fusion_of_drawn, rows, devices[0])
    if len(devices) == 2:
        gains = {way: seconds["cpu"][way] / seconds["cuda"][way] for way in WAYS}
        measure.say(
            "train",
            f"the GPU is {gains['study']:.1f} times as fast on the study's recipe, "
            f"{gains['ours']:.1f} times on ours",
            gpu_gain=gains,
        )
    if args.products:
        from experiments import price_models as price_contest

        price_contest.load(args)  # makes what is missing here, once, and not in each run
        for features in ("study", "listing"):
            what = f"price, {features} features, {devices[0]}"
            compare(what, ("mae", "mdape"), of_products, args, features, devices[0])


if __name__ == "__main__":
    cli.run(main)
