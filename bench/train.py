"""The study's way to train against ours: seconds and errors.

Compared on the same rows: the price by networks and by LightGBM, and CLIP Fusion; on drawn
products, the price also on real ones where a data folder is named. Only fitting is timed.
"""

import numpy as np
import torch

from bench.harness import Figures, Options, alone
from bench.products import EMBEDDING, drawn_products
from common.artifacts import RunConfig
from common.dataset import TASKS, Dataset, labels, sides
from common.labels import clip_fusion, multitask, networks
from common.prices import recipes
from common.prices.features import (
    EXPERIMENTS,
    STUDY_COLUMNS,
    PriceTask,
    feature_columns,
    load_products,
)
from common.prices.fit import fit_price, score
from common.training import fit, predict, seed_everything, torch_device

SIZE = 73_000  # as the study
MODELS = {
    "networks": {"study": "Advanced MLP", "ours": "Price Ensemble"},
    "LightGBM": {"study": "LightGBM (study)", "ours": "LightGBM"},
}


def fit_prices(way: str, model: str, dataset: Dataset, columns: list[str], device: str) -> dict:
    """Fits networks or LightGBM to the price; the seconds are of fitting alone."""
    task = PriceTask.build(dataset, columns)
    device = torch_device(device)
    torch.zeros(1, device=device)  # a GPU's start is nobody's training
    scores = score(fit_price(MODELS[model][way], task, 0, device), task)
    errors = {name: scores[name] for name in ("mae", "mdape")}
    return {
        "n_train": len(task.train),
        "fit_seconds": scores["fit_seconds"],
        "errors": errors,
    }


def fit_fusion(way: str, dataset: Dataset, device: str) -> dict:
    """CLIP Fusion as the study trains its networks, and as stage 3d does."""
    device = torch_device(device)
    config = recipes.STUDY if way == "study" else clip_fusion.config(**clip_fusion.TRAINING)
    targets = {task: labels(dataset.table, task) for task in TASKS}
    batches = multitask.array_batches(dataset.image, dataset.text, batch_size=config.batch_size)
    train, validation, test = sides(dataset.table)
    loaders = [
        batches(rows, {t: torch.from_numpy(y[rows]) for t, (y, _) in targets.items()}, shuffle, 0)
        for rows, shuffle in ((train, True), (validation, False))
    ]
    seed_everything(0)
    classes = {task: len(names) for task, (_, names) in targets.items()}
    network = networks.ClipFusion(EMBEDDING, EMBEDDING, classes, **clip_fusion.NETWORK)
    history = fit(network, *loaders, multitask.loss("cross-entropy"), config, device)
    logits = predict(network, batches(test, None, False, 0), device)
    wrong = [np.mean(logits[task].argmax(1) != y[test]) for task, (y, _) in targets.items()]
    errors = {"error": float(np.mean(wrong))}
    return {"n_train": len(train), "fit_seconds": history.seconds, "errors": errors}


def measure(options: Options) -> Figures:
    device = torch_device(options.device).type
    drawn, columns = drawn_products(options.size), list(STUDY_COLUMNS)
    comparisons = [
        (f"price, drawn, {device}", fit_prices, "networks", drawn, columns, device),
        ("LightGBM, drawn", fit_prices, "LightGBM", drawn, columns, device),
        (f"CLIP Fusion, drawn, {device}", fit_fusion, drawn, device),
    ]
    if options.paths:
        dataset = load_products(RunConfig(options.paths), clusters=False)
        for name in ("study", "listing"):
            columns = feature_columns(dataset.table, EXPERIMENTS["metadata"], name)
            what = f"price, {name} features, {device}"
            comparisons.append((what, fit_prices, "networks", dataset, columns, device))
    for what, function, *arguments in comparisons:
        study, ours = (alone(function, way, *arguments).value for way in ("study", "ours"))
        share = ours["fit_seconds"] / study["fit_seconds"]
        errors = [(name, study["errors"][name], ours["errors"][name]) for name in study["errors"]]
        summary = (
            f"{what}, {study['n_train']:,} rows to learn from: the study's way "
            f"{study['fit_seconds']:.1f} s, ours {ours['fit_seconds']:.1f} s, {share:.2f} of it; "
            + ", ".join(f"{name} {error:.3f} and {other:.3f}" for name, error, other in errors)
        )
        yield summary, {"what": what, "study": study, "ours": ours, "share": share}
