"""Fits the models of second-hand prices and scores them platform by platform: for both stages."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score

from common.artifacts import RunConfig, StageError, fingerprint, manifest, require
from common.product_table import read_table
from common.results import Results, aligned
from common.runtime import Progress
from common.training import save_model, torch_device
from resale import listings
from resale.adapt import FOLDER, AdaptedModel
from resale.baselines import TfidfRidge
from resale.comparables import Comparables
from resale.condition import CONDITIONS
from resale.fields import blank, column, read_fields
from resale.level_one import RIDGE, LevelOne, Stack, column_names, platform_weights
from resale.model import COMMAND, Prices, ResalePriceModel, fit_booster
from resale.network import fit_network, predict
from resale.ridge import ANCHOR
from resale.scores import EXPERIMENT, MANY_ROWS, OWN_RIDGE, many_rows, platform_means

KEY = ("experiment", "features", "model", "split", "seed", "platform")
MEDIAN, LIGHTGBM = "Median by platform", "LightGBM"
HIERARCHICAL, STACKED = "Hierarchical ridge", "Stacked trees"
PARTIAL = "Stacked trees, partial rows"
NETWORK, BLEND = "Sparse network", "Sparse network + stacked trees"
BLEND_SHARE = 0.3  # of the network
CONDITION_ROWS, MIN_PAIRS = 2000, 20


@dataclass
class ResaleData:
    """Second-hand listings of a run: those to learn from, those to test on, with a fresh index."""

    learn: pd.DataFrame
    test: pd.DataFrame
    path: Path


def load(run: RunConfig) -> ResaleData:
    """Raises StageError where the product table has no second-hand listings."""
    path = require(run.paths.llm, "python Use_LLM_for_preprocess.py")
    table = read_table(path)
    rows = table[table["market"] == EXPERIMENT] if "market" in table else table.iloc[:0]
    if rows.empty:
        raise StageError(
            f"{path} has no second-hand listings; put them into {run.paths.raw / 'listings'} and "
            "run: python Use_LLM_for_preprocess.py"
        )
    if run.limit and run.limit < len(rows):
        rows = rows.sample(run.limit, random_state=0)
    test = rows["split"] == "test"
    if test.all() or not test.any():
        raise StageError(f"{path} has second-hand listings on one side of the split only; use more")
    return ResaleData(
        rows[~test].reset_index(drop=True), rows[test].reset_index(drop=True), Path(path)
    )


def open_results(run: RunConfig, data: ResaleData, name: str, key: tuple = KEY) -> Results:
    """A results table, whose rows of retail prices are kept while the product table is the same."""
    path = run.paths.results(name)
    inputs = {**manifest(path).get("inputs", {}), "table": data.path}
    results = Results(path, dataclasses.replace(run, force=False), inputs, key)
    if run.force:
        results.rows = [
            row for row in results.rows if row.get("experiment", EXPERIMENT) != EXPERIMENT
        ]
    return results


def fit_models(run: RunConfig, data: ResaleData, results: Results) -> None:
    """Adds a row for each model, seed and test platform that has none; saves the stacked trees."""
    for name, baseline in ((MEDIAN, _medians), (OWN_RIDGE, _own_ridges)):
        if missing(results, data, name, 0):
            add(results, data, name, 0, baseline(data))
    folder = run.paths.model("resale")
    current = (folder / "model.json").exists() and not run.force
    seeded = (LIGHTGBM, STACKED, PARTIAL)
    names = [(HIERARCHICAL, 0), *((name, seed) for name in seeded for seed in run.seed)]
    if current and not any(missing(results, data, *name) for name in names):
        return
    level, stack = LevelOne.fit(data.learn)
    listing = read_fields(data.test)
    sparse = level.sparse(listing)
    matrix = level.matrix(listing, sparse)
    names = column_names(level)
    add(
        results,
        data,
        HIERARCHICAL,
        0,
        level.platforms.to_log(matrix[:, names.index(RIDGE)], sparse.platform),
    )
    partial = blank(listing, seed=99)
    for seed in run.seed:
        first = seed == run.seed[0]
        scored = not any(missing(results, data, name, seed) for name in seeded)
        if scored and (current or not first):
            continue
        plain = _plain_trees(stack, names, seed).predict(np.delete(matrix, names.index(RIDGE), 1))
        add(results, data, LIGHTGBM, seed, level.platforms.to_log(plain, sparse.platform))
        model = ResalePriceModel.fit_trees(level, stack, seed, ranges=first)
        prices = model.price_fields(listing)
        add(results, data, STACKED, seed, prices.log_usd)
        add(results, data, PARTIAL, seed, model.price_fields(partial).log_usd)
        if first:
            model.save(folder, table=fingerprint(data.path))
            Comparables.fit(data.learn).save(folder)
            for name, rows in (
                ("resale_ranges", score_ranges(data.test, prices)),
                ("resale_condition", score_condition(model, data)),
            ):
                table = open_results(run, data, name, ("platform", "condition"))
                for row in rows:
                    table.add(**row)


def load_model(run: RunConfig, data: ResaleData) -> ResalePriceModel:
    """The stacked trees of `regression_ML.py`; raises StageError where they are of other data."""
    model = ResalePriceModel.load(run.paths.model("resale"))
    if model.facts.get("table") != fingerprint(data.path):
        raise StageError(f"models/resale was made from another table; run: {COMMAND} --force")
    return model


def adapt(run: RunConfig, path: Path) -> str:
    """Adapts the model to each platform in a CSV of listings, saves that, and says how it errs.

    Raises StageError for a platform that the model has learned from already.
    """
    folder = run.paths.model("resale")
    model = ResalePriceModel.load(folder)
    lines = [["platform", "own rows", "R2 (log)", "MdAPE", "90 % range"]]
    for platform, rows in listings.read_file(path).groupby("platform"):
        if platform in model.platforms.names:
            raise StageError(f"{platform} is in the model already; to renew it: {COMMAND} --force")
        adapted = AdaptedModel.fit(model.level, rows.reset_index(drop=True), run.seed[0])
        adapted.save(folder)
        own = score(adapted.log_usd, adapted.log_usd - adapted.errors)
        figures = (
            f"{own['r2_log']:.3f}",
            f"{own['mdape']:.1%}",
            f"/ or * {np.exp(adapted.margin):.2f}",
        )
        lines.append([platform, str(len(adapted.errors)), *figures])
    return f"by leave-one-out, in {folder / FOLDER}\n{aligned(lines)}"


def missing(results: Results, data: ResaleData, name: str, seed: int) -> bool:
    """Whether a test platform has no row of this model and seed yet."""
    platforms = data.test["platform"].unique()
    return not all(results.done(**_key(name, seed, platform)) for platform in platforms)


def score(true: np.ndarray, predicted: np.ndarray) -> dict[str, float | None]:
    """R2 of log USD (n,), None for a single row, and the median error of the price, a fraction."""
    return {
        "r2_log": r2_score(true, predicted) if len(true) > 1 else None,
        "mdape": float(np.median(np.abs(np.exp(predicted - true) - 1))),
    }


def add(results: Results, data: ResaleData, name: str, seed: int, log_usd: np.ndarray) -> None:
    """Scores predictions for the test rows, platform by platform."""
    true = data.test["price_usd"].to_numpy(np.float64)
    for platform, rows in data.test.groupby("platform").indices.items():
        results.add(
            **_key(name, seed, platform),
            text="clean",
            n_train=int((data.learn["platform"] == platform).sum()),
            n_test=len(rows),
            **score(np.log(true[rows]), log_usd[rows]),
            mae=float(np.mean(np.abs(np.exp(log_usd[rows]) - true[rows]))),
        )


def leaderboard(results: Results) -> str:
    """By model: means over platforms and seeds, and on how many it is better than their ridge."""
    frame = results.frame
    frame = many_rows(frame[frame["experiment"] == EXPERIMENT])
    scores = ["r2_log", "mdape", "mae"]
    means = platform_means(frame, scores)
    lines = [["model", "R2 (log)", "MdAPE", "MAE (USD)", "better than ridge"]]
    for name, rows in means.groupby("model", sort=False):
        better = (rows["r2_log"] > rows["ridge"]).sum()
        held = means["ridge"].notna().any() and name != OWN_RIDGE
        count = f"{better} of {len(rows)}" if held else ""
        r2, mdape, mae = rows[scores].mean()
        lines.append([name, f"{r2:.3f}", f"{mdape:.1%}", f"{mae:.2f}", count])
    many = frame["n_test"].min() >= MANY_ROWS
    which = f"with {MANY_ROWS} test rows or more" if many else "all of them small"
    return f"means over {frame['platform'].nunique()} platforms, {which}\n{aligned(lines)}"


def score_ranges(table: pd.DataFrame, prices: Prices) -> Iterator[dict]:
    """Coverage and width of the ranges by platform and condition, "all" for either.

    A constant log interval of the same coverage, made on the same rows, stands beside it: of all
    these rows, and as the mean width of one for each platform.
    """
    true = np.log(table["price_usd"].to_numpy(np.float64))
    inside = (prices.low <= true) & (true <= prices.high)
    width, error = prices.high - prices.low, np.abs(true - prices.log_usd)
    platform, condition = table["platform"].to_numpy(), column(table, "condition").to_numpy()
    condition = np.where(condition == "", "unknown", condition)
    constant = {
        name: 2 * np.quantile(error[rows], inside[rows].mean())
        for name, rows in table.groupby("platform").indices.items()
    }
    own = np.array([constant[name] for name in platform])
    for name in ["all", *sorted(set(platform))]:
        for grade in ["all", *CONDITIONS, "unknown"]:
            rows = (platform == name) | (name == "all")
            rows &= (condition == grade) | (grade == "all")
            if rows.any():
                yield {
                    "platform": name,
                    "condition": grade,
                    "n": int(rows.sum()),
                    "coverage": inside[rows].mean(),
                    "width_log": np.median(width[rows]),
                    "width_factor": np.exp(np.median(width[rows])),
                    "constant_width_log": 2 * np.quantile(error[rows], inside[rows].mean()),
                    "platform_constant_width_log": own[rows].mean(),
                }


def score_condition(model: ResalePriceModel, data: ResaleData) -> Iterator[dict]:
    """Steps of the log price from "very good", by platform: the model's and the data's.

    The model's: medians over test rows that are given each condition in turn. The data's: within
    platform, brand, category and gender, of which there must be MIN_PAIRS rows. The last row
    counts the test rows that a better condition makes cheaper.
    """
    listing = read_fields(data.test)
    rows = np.random.default_rng(0).permutation(len(listing))[:CONDITION_ROWS]
    listing = listing.iloc[rows].reset_index(drop=True)
    prices = np.column_stack(
        [model.price_fields(listing.assign(grade=grade)).log_usd for grade in range(5)]
    )
    steps = prices - prices[:, [ANCHOR]]
    table = pd.concat([data.learn, data.test], ignore_index=True)
    fields = read_fields(table)
    fields["price"] = np.log(table["price_usd"].to_numpy(np.float64))
    groups = [fields[name] for name in ("platform", "brand", "category", "gender")]
    anchor = fields["price"].where(fields["grade"] == ANCHOR).groupby(groups).transform("mean")
    difference = fields["price"] - anchor
    for platform in model.platforms.names:
        shown = (listing["platform"] == platform).to_numpy()
        for grade, condition in enumerate(CONDITIONS):
            pairs = difference[(fields["platform"] == platform) & (fields["grade"] == grade)]
            pairs = pairs.dropna()
            if grade != ANCHOR and len(pairs) >= MIN_PAIRS:
                yield {
                    "platform": platform,
                    "condition": condition,
                    "n": len(pairs),
                    "data_step": pairs.mean(),
                    "model_step": np.median(steps[shown, grade]) if shown.any() else None,
                    "violations": None,
                }
    violations = (np.diff(prices, axis=1) < 0).any(axis=1).sum()
    yield {"platform": "all", "condition": "all", "n": len(rows), "violations": int(violations)}


def _key(name: str, seed: int, platform: str) -> dict:
    key = {"experiment": EXPERIMENT, "features": "", "model": name, "split": "grouped"}
    return key | {"seed": seed, "platform": platform}


def _medians(data: ResaleData) -> np.ndarray:
    prices = np.log(data.learn["price_usd"])
    medians = prices.groupby(data.learn["platform"]).median()
    return data.test["platform"].map(medians).fillna(prices.median()).to_numpy(copy=True)


def _own_ridges(data: ResaleData) -> np.ndarray:
    result = _medians(data)
    platforms = data.test.groupby("platform").indices
    for platform, rows in Progress(platforms.items(), "ridge by platform", unit="platforms"):
        learn = data.learn[data.learn["platform"] == platform]
        train = learn[learn["split"] == "train"]
        if len(train):
            ridge = TfidfRidge().fit(train, learn[learn["split"] == "validation"])
            result[rows] = ridge.predict(data.test.iloc[rows])
    return result


def _plain_trees(stack: Stack, names: list[str], seed: int):
    """LightGBM on the same columns without the ridge's price, on whole rows alone."""
    rows, place = np.flatnonzero(~stack.partial), names.index(RIDGE)
    matrix = np.delete(stack.matrix, place, axis=1)
    return fit_booster(stack, matrix, [*names[:place], *names[place + 1 :]], rows, seed)


def fit_networks(run: RunConfig, data: ResaleData, results: Results) -> None:
    """Adds the sparse network and its mean with the stacked trees; saves that of the first seed."""
    names = (NETWORK, BLEND)
    seeds = [seed for seed in run.seed if any(missing(results, data, name, seed) for name in names)]
    if not seeds:
        return
    model, device = load_model(run, data), torch_device(run.device)
    listing, learn = read_fields(data.test), read_fields(data.learn)
    trees = model.price_fields(listing).log_usd
    rows, test = model.level.sparse(learn), model.level.sparse(listing)
    log_usd = np.log(data.learn["price_usd"].to_numpy(np.float64))
    target = model.platforms.to_z(log_usd, rows.platform)
    weight = platform_weights(model.platforms, rows.platform)
    for seed in seeds:
        network, _ = fit_network(rows, target, weight, len(model.platforms.names), seed, device)
        log_usd = model.platforms.to_log(predict(network, test, device), test.platform)
        add(results, data, NETWORK, seed, log_usd)
        add(results, data, BLEND, seed, BLEND_SHARE * log_usd + (1 - BLEND_SHARE) * trees)
        if seed == run.seed[0]:
            path = run.paths.model("resale", "network.safetensors")
            save_model(network, path, {"arguments": network.arguments, "seed": seed})
