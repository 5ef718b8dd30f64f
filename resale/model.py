"""Prices of second-hand listings: boosted trees on top of a hierarchical ridge, with 90 % ranges.

A better condition never has a lower price: the ridge's steps are not negative, and the trees rise
with the ridge's price and with the condition.
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from common.artifacts import StageError, atomic, write_json
from common.runtime import Progress, cpu_count
from resale.adapt import AdaptedModel, load_adapted
from resale.encodings import TargetEncodings
from resale.fields import fields_stated, read_fields
from resale.level_one import CATEGORICAL, CONDITION, FOLDS, RIDGE, LevelOne, Stack, column_names
from resale.platforms import Platforms
from resale.ranges import FACTORS, Ranges, threads_for
from resale.ridge import HierarchicalRidge
from resale.words import Words

# Chosen on validation rows.
SETTINGS = {
    "objective": "huber",
    "alpha": 0.7,
    "learning_rate": 0.03,
    "num_leaves": 47,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5,
    "max_bin": 127,
    "monotone_constraints_method": "intermediate",
    "verbose": -1,
    "deterministic": True,
    "force_col_wise": True,
}
ROUNDS = 800
# The trees whose errors out of fold the ranges learn from.
FOLD_SETTINGS, FOLD_ROUNDS = SETTINGS | {"learning_rate": 0.1, "num_leaves": 31}, 150
NORMAL_TAIL = 1.645  # deviations of a normal distribution that 5 % lie beyond
COMMAND = "python regression_ML.py --market resale"


@dataclass
class Prices:
    """Log USD (n,) and both ends of the 90 % range."""

    log_usd: np.ndarray
    low: np.ndarray
    high: np.ndarray


class ResalePriceModel:
    """Prices listings of known platforms, and those of none by a mean over general platforms.

    level: what the trees read. trees: a LightGBM booster. ranges: None leaves the ranges out.
    facts: what :meth:`save` noted. adapted: by name, models of platforms that it has not learned
    from, which price their listings.
    """

    def __init__(self, level: LevelOne, trees: lightgbm.Booster, ranges: Ranges | None, **facts):
        self.level, self.trees, self.ranges, self.facts = level, trees, ranges, facts
        self.adapted: dict[str, AdaptedModel] = {}

    @classmethod
    def fit(cls, table: pd.DataFrame, seed: int = 0) -> "ResalePriceModel":
        """table: second-hand rows of the product table, with `price_usd`."""
        return cls.fit_trees(*LevelOne.fit(table), seed)

    @classmethod
    def fit_trees(
        cls, level: LevelOne, stack: Stack, seed: int, ranges: bool = True
    ) -> "ResalePriceModel":
        """The trees and ranges upon :meth:`LevelOne.fit`, the only parts that know a seed."""
        names, matrix = column_names(level), stack.matrix
        trees = fit_booster(stack, matrix, names, np.arange(len(matrix)), seed)
        if not ranges:
            return cls(level, trees, None, seed=seed)
        predicted = np.zeros(len(matrix))
        for number in Progress(range(FOLDS), "resale ranges", unit="folds"):
            learn, held = np.flatnonzero(stack.fold != number), stack.fold == number
            if len(learn) and held.any():
                fold = fit_booster(stack, matrix, names, learn, seed, FOLD_SETTINGS, FOLD_ROUNDS)
                predicted[held] = fold.predict(matrix[held])
        margins = Ranges.fit(
            np.column_stack([matrix, predicted]),
            stack.target - predicted,
            stack.weight,
            stack.fold,
            _groups(level.platforms, stack.fields),
            len(level.platforms.names),
        )
        return cls(level, trees, margins, seed=seed)

    @property
    def platforms(self) -> Platforms:
        """The marketplaces that it has learned from, with rows and kinds of price."""
        return self.level.platforms

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """Log USD (n,). Columns that are absent or empty are unknown.

        Where `platform` is empty or unknown: the mean over general platforms of the same script.
        """
        return self.price(table).log_usd

    def interval(
        self, table: pd.DataFrame, log_usd: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Low and high end of the 90 % range, log USD (n,); around `log_usd` if it is given."""
        prices = self.price(table)
        shift = 0 if log_usd is None else log_usd - prices.log_usd
        return prices.low + shift, prices.high + shift

    def price(self, table: pd.DataFrame) -> Prices:
        """Prices and ranges of listings in one go; see :meth:`predict`."""
        return self.price_fields(read_fields(table))

    def price_fields(self, listing: pd.DataFrame) -> Prices:
        """As :meth:`price`, of rows of :func:`resale.fields.read_fields`."""
        prices = self._price_fields(listing)
        for platform, model in self.adapted.items():
            rows = np.flatnonzero(listing["platform"] == platform)
            if len(rows):
                log_usd = model.predict_fields(listing.iloc[rows].reset_index(drop=True))
                prices.log_usd[rows] = log_usd
                prices.low[rows] = log_usd - model.margin
                prices.high[rows] = log_usd + model.margin
        return prices

    def _price_fields(self, listing: pd.DataFrame) -> Prices:
        # A listing of no platform is priced on several.
        places = [
            self.platforms.references(title) if place < 0 else [place]
            for place, title in zip(
                self.platforms.places(listing["platform"]), listing["title"], strict=True
            )
        ]
        row = np.repeat(np.arange(len(listing)), [len(several) for several in places])
        listing = listing.iloc[row].reset_index(drop=True)
        listing["platform"] = np.take(
            self.platforms.names, [p for several in places for p in several]
        )
        sparse = self.level.sparse(listing)
        matrix = self.level.matrix(listing, sparse)
        z = self.trees.predict(matrix, num_threads=threads_for(matrix))
        log_usd = self.platforms.to_log(z, sparse.platform)
        mean = _mean(log_usd, row)
        if self.ranges is None:
            return Prices(mean, mean.copy(), mean.copy())
        below, above = self.ranges.distances(
            np.column_stack([matrix, z]), _groups(self.platforms, listing)
        )
        scale = np.take(self.platforms.scale, sparse.platform)
        # What the platforms differ by is not known either.
        spread = (NORMAL_TAIL**2) * _mean((log_usd - mean[row]) ** 2, row)
        below, above = (
            np.sqrt(_mean(distance * scale, row) ** 2 + spread) for distance in (below, above)
        )
        return Prices(mean, mean - below, mean + above)

    def save(self, folder: Path, **facts: object) -> None:
        """Writes model.json, model.safetensors and three LightGBM texts.

        facts: JSON values, which a model that is loaded has again.
        """
        terms, weights = self.level.words.state()
        config = {"platforms": asdict(self.platforms), "terms": terms, "facts": self.facts | facts}
        arrays = {f"words.{name}": values for name, values in weights.items()}
        arrays |= {f"ridge.{name}": values for name, values in vars(self.level.ridge).items()}
        for number, (name, table) in enumerate(self.level.encodings.tables.items()):
            config.setdefault("encodings", []).append(name)
            for part, values in zip(("keys", "sums", "counts"), table, strict=True):
                arrays[f"encodings.{number}.{part}"] = values
        boosters = {"trees": self.trees}
        if self.ranges:
            arrays |= {
                f"ranges.{name}": part
                for name, part in zip(FACTORS, self.ranges.factors, strict=True)
            }
            boosters |= dict(zip(("low", "high"), self.ranges.boosters, strict=True))
        write_json(config, folder / "model.json")
        with atomic(folder / "model.safetensors") as temporary:
            temporary.write_bytes(
                save({name: np.ascontiguousarray(values) for name, values in arrays.items()})
            )
        for name, booster in boosters.items():
            with atomic(folder / f"{name}.txt") as temporary:
                booster.save_model(temporary)

    @classmethod
    def load(cls, folder: Path) -> "ResalePriceModel":
        """What :meth:`save` wrote. Raises StageError where a file is missing or not whole."""
        try:
            config = json.loads((folder / "model.json").read_text("utf-8"))
            arrays = load_file(folder / "model.safetensors")
            trees, low, high = (
                lightgbm.Booster(model_str=(folder / f"{name}.txt").read_text("utf-8"))
                for name in ("trees", "low", "high")
            )
            encodings = {
                name: tuple(arrays[f"encodings.{number}.{part}"] for part in _TABLE)
                for number, name in enumerate(config["encodings"])
            }
            weights = {
                name.removeprefix("words."): values
                for name, values in arrays.items()
                if name.startswith("words.")
            }
            names = (field.name for field in fields(HierarchicalRidge))
            level = LevelOne(
                Platforms(**config["platforms"]),
                Words.from_state(config["terms"], weights),
                HierarchicalRidge(**{name: arrays[f"ridge.{name}"] for name in names}),
                TargetEncodings(encodings),
            )
            factors = [arrays[f"ranges.{name}"] for name in FACTORS]
            model = cls(level, trees, Ranges([low, high], factors), **config["facts"])
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise StageError(f"{folder} holds no whole model; make it with: {COMMAND}") from error
        except lightgbm.basic.LightGBMError as error:
            raise StageError(f"{folder} holds broken trees; make them with: {COMMAND}") from error
        model.adapted = load_adapted(folder, level)
        return model


_TABLE = ("keys", "sums", "counts")


def fit_booster(
    stack: Stack,
    matrix: np.ndarray,
    names: list[str],
    rows: np.ndarray,
    seed: int,
    settings: dict = SETTINGS,
    rounds: int | None = None,
) -> lightgbm.Booster:
    """Trees on `rows` of the stack, ROUNDS by default; matrix: (m, len(names)), columns of it."""
    constraints = [int(name in (RIDGE, CONDITION)) for name in names]
    settings = settings | {"monotone_constraints": constraints, "num_threads": cpu_count()}
    data = lightgbm.Dataset(
        matrix[rows],
        stack.target[rows],
        weight=stack.weight[rows],
        feature_name=[name.replace(",", "").replace(" ", "_") for name in names],
        categorical_feature=[names.index(name) for name in CATEGORICAL],
    )
    return lightgbm.train(settings | {"seed": seed}, data, rounds or ROUNDS)


def _groups(platforms: Platforms, listing: pd.DataFrame) -> tuple[np.ndarray, ...]:
    """Places by each of FACTORS."""
    line = (fields_stated(listing) == 0).astype(np.int64)
    return platforms.places(listing["platform"]), listing["grade"].to_numpy(), line


def _mean(values: np.ndarray, row: np.ndarray) -> np.ndarray:
    return np.bincount(row, values) / np.bincount(row)
