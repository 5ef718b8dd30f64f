"""Prices on a marketplace that the model has never seen, from a hundred of its own listings on.

Gaussian process regression (Rasmussen and Williams, "Gaussian processes for machine learning", MIT
Press 2006, chapters 2 and 5) of log prices. Two listings are alike if the known platforms would
price them alike, and if they share letters, brand, category, condition, new price or length. How
much each of these counts cannot be learned from a hundred rows; it comes from other platforms.
"""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from scipy.sparse import csr_matrix

from common.artifacts import StageError, atomic
from resale.fields import read_fields
from resale.kernel import (
    LETTERS,
    WEIGHTS,
    Listings,
    best_weights,
    count_letters,
    mean_steps,
    parts,
    solve,
)
from resale.level_one import LevelOne

MANY_ROWS = 500  # from which on some weights come from the own rows
CONDITION = ("worth", "steps", "unknown")
LEAST_ROWS = 20
MOST_ROWS = 2000  # solved for in seconds; a platform with more rows belongs into the base model
COVERAGE = 0.9
FOLDER = "adapted"  # below that of the base model
COMMAND = "python regression_ML.py --market resale --adapt FILE.csv"
SPARSE = ("data", "indices", "indptr")


class AdaptedModel:
    """A base model and the listings of one more platform; all that it knows is in these rows.

    A better condition never lowers a price: the field is read by its four steps alone, which are
    cut off at zero.
    """

    def __init__(self, base, platform, own, log_usd, idf, weights=WEIGHTS):
        """own: :class:`Listings`; log_usd: (n,); idf: of the letters; weights: as WEIGHTS."""
        self.base, self.platform, self.own, self.idf = base, platform, own, idf
        self.log_usd, self.weights = np.asarray(log_usd, np.float64), dict(weights)
        self.level, self.scale = self.log_usd.mean(), max(self.log_usd.std(), 0.05)
        target = (self.log_usd - self.level) / self.scale
        self.alpha, errors = solve(parts(own, own), target, weights)
        worth, *steps, unknown = own.condition.T @ self.alpha
        steps = weights["worth"] * worth * mean_steps(base) + weights["steps"] * np.array(steps)
        self.steps, self.unknown = np.maximum(steps, 0), weights["unknown"] * unknown
        self.errors = errors * self.scale
        rank = min(int(COVERAGE * (len(errors) + 1)), len(errors) - 1)
        self.margin = np.sort(np.abs(self.errors))[rank]

    @classmethod
    def fit(cls, base: LevelOne, table: pd.DataFrame, seed: int = 0) -> "AdaptedModel":
        """table: rows of the product table of one platform that `base` does not know.

        Raises StageError below LEAST_ROWS rows. Of more than MOST_ROWS some are drawn by `seed`.
        """
        if len(table) < LEAST_ROWS:
            raise StageError(f"{len(table)} listings are too few: adapting takes {LEAST_ROWS}")
        if len(table) > MOST_ROWS:
            table = table.sample(MOST_ROWS, random_state=seed)
        fields = read_fields(table)
        rows = np.bincount(count_letters(fields).indices, minlength=LETTERS.n_features)
        idf = np.where(rows > 0, np.log((1 + len(fields)) / (1 + rows)) + 1, 0).astype(np.float32)
        own, log_usd = Listings.read(base, fields, idf), np.log(table["price_usd"].to_numpy())
        platform, weights = fields["platform"].iloc[0], WEIGHTS
        if len(table) >= MANY_ROWS:
            weights = best_weights(parts(own, own), (log_usd - log_usd.mean()) / log_usd.std())
        return cls(base, platform, own, log_usd, idf, weights)

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """Log USD (n,)."""
        return self.predict_fields(read_fields(table))

    def predict_fields(self, fields: pd.DataFrame) -> np.ndarray:
        """The same for rows of :func:`resale.fields.read_fields`."""
        rows = Listings.read(self.base, fields, self.idf)
        alike = parts(rows, self.own).items()
        kernel = sum(self.weights[name] * part for name, part in alike if name not in CONDITION)
        z = kernel @ self.alpha + rows.condition @ [0, *self.steps, self.unknown]
        return self.level + self.scale * z

    def interval(
        self, table: pd.DataFrame, log_usd: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Low and high end of the 90 % range, log USD (n,), around `log_usd` if it is given."""
        log_usd = self.predict(table) if log_usd is None else log_usd
        return log_usd - self.margin, log_usd + self.margin

    def save(self, folder: Path) -> None:
        """Writes FOLDER/<platform>.safetensors: the own rows as the kernel reads them, no text."""
        name = re.sub(r"[^\w.-]", "_", self.platform)
        path = folder / FOLDER / f"{name}.safetensors"
        arrays = {"idf": self.idf, "log_usd": self.log_usd, **vars(self.own)}
        letters = arrays.pop("letters")
        arrays |= {f"letters.{name}": getattr(letters, name) for name in SPARSE}
        arrays = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
        facts = {"platform": self.platform, "base": fingerprint(self.base)}
        facts["weights"] = json.dumps(self.weights)
        with atomic(path) as temporary:
            temporary.write_bytes(save(arrays, facts))

    @classmethod
    def load(cls, path: Path, base: LevelOne) -> "AdaptedModel":
        """What :meth:`save` wrote. Raises StageError where it is broken or of another base."""
        try:
            with safe_open(path, "numpy") as file:
                facts, names = file.metadata(), file.keys()
                arrays = {name: file.get_tensor(name) for name in names}
            if facts["base"] != fingerprint(base):
                raise StageError(f"{path} was adapted from another model; repeat: {COMMAND}")
            sparse = tuple(arrays.pop(f"letters.{name}") for name in SPARSE)
            letters = csr_matrix(sparse, (len(arrays["brand"]), LETTERS.n_features))
            idf, log_usd = arrays.pop("idf"), arrays.pop("log_usd")
            own, weights = Listings(letters=letters, **arrays), json.loads(facts["weights"])
            return cls(base, facts["platform"], own, log_usd, idf, weights)
        except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise StageError(f"{path} is no whole adapted model; repeat: {COMMAND}") from error


def load_adapted(folder: Path, base: LevelOne) -> dict[str, AdaptedModel]:
    """By platform, what was adapted from the base model in `folder`; of others it says so."""
    models = {}
    for path in sorted(folder.glob(f"{FOLDER}/*.safetensors")):
        try:
            model = AdaptedModel.load(path, base)
            models[model.platform] = model
        except StageError as error:
            print(f"left aside: {error}", flush=True)
    return models


def fingerprint(base: LevelOne) -> str:
    """Tells one base model from another."""
    return hashlib.sha256(base.ridge.shared.tobytes()).hexdigest()
