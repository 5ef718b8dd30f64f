"""Attribute imputation: what a listing leaves out, from the embeddings of its picture and text.

    python -m attributes.impute --data-dir data/kaggle14k --raw-dir PATH

One multinomial logistic regression per attribute learns what the Fashion catalogue lists of its
training products; its regularisation, and the temperature of its confidence (Guo et al., ICML
2017), are chosen on the validation rows. Imputed values are kept apart from those that were read.

Reads  dataset_with_llm.csv, img_emb.npy, wrd_emb.npy, <raw-dir>/fashion-dataset/styles/
Writes inferred_attributes.csv, models/attributes/completion.safetensors and its JSON,
       results/attribute_inference.csv
"""

import json
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from attributes import catalogue
from common import cli, dataset, metrics
from common.artifacts import StageError, atomic, record, require, write_csv, write_json

ATTRIBUTES = ("sleeve", "fabric", "pattern", "neck", "fit", "care", "material", "occasion")
STAGE, MODEL = "attribute_inference", ("attributes", "completion.safetensors")
STRENGTHS = (0.003, 0.01, 0.03, 0.1)  # C of the logistic regression
SCALE = 20.0  # of the unit-length embeddings, so that the strengths are of order 0.01
LEAST = 10  # training products of a value, below which it is not learnt
COMMAND = "python -m attributes.impute"
_APPLIES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def applies(attribute: str, category: str) -> bool:
    """Whether pieces of a category have an attribute; those of an unknown category may."""
    return not category or category in _APPLIES[attribute]


@dataclass
class AttributeImputer:
    """One linear classifier per attribute.

    weights: attribute -> float32 (d_image + d_text + 1, n_values), the last row the intercept,
    divided by the temperature. values: attribute -> the names of its columns.
    """

    weights: dict[str, np.ndarray] = field(default_factory=dict)
    values: dict[str, list[str]] = field(default_factory=dict)

    def probabilities(self, name: str, image: np.ndarray, text: np.ndarray) -> np.ndarray:
        """Of each value of the attribute, (n, n_values); arguments as of :meth:`infer`."""
        weights = self.weights[name]
        return softmax(_inputs(image, text) @ weights[:-1] + weights[-1], axis=1)

    def infer(
        self, image: np.ndarray, text: np.ndarray
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Per attribute the likeliest value and its confidence in 0..1, each of shape (n,).

        image (n, d_image) and text (n, d_text): embeddings; a row of NaN stands for a product
        without photo or without text.
        """
        proba = {name: self.probabilities(name, image, text) for name in self.weights}
        return {
            name: (np.array(self.values[name])[rows.argmax(axis=1)], rows.max(axis=1))
            for name, rows in proba.items()
        }

    def save(self, path: Path, **settings: object) -> None:
        """Writes ``path`` (safetensors) and a JSON beside it, which keeps ``settings``, too."""
        with atomic(path) as part:
            part.write_bytes(save(self.weights))
        write_json({"values": self.values, **settings}, path.with_suffix(".json"))

    @classmethod
    def load(cls, path: Path) -> "AttributeImputer":
        """Reads what :meth:`save` wrote. Raises StageError when it is missing or not whole."""
        require(path, COMMAND)
        try:
            values = json.loads(path.with_suffix(".json").read_text("utf-8"))["values"]
            return cls(load_file(path), values)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise StageError(f"{path} is not whole; run {COMMAND}") from error


def _inputs(image: np.ndarray, text: np.ndarray) -> np.ndarray:
    # Zeros, the middle of all directions, stand for what is not there.
    return np.nan_to_num(np.hstack([image, text]).astype(np.float32) * np.float32(SCALE))


def fit_best(classifiers: list, inputs: np.ndarray, truth: np.ndarray, split: np.ndarray):
    """Fits these scikit-learn classifiers on training rows; returns the best on validation rows.

    truth: (n,) strings, empty where the catalogue lists none. Also returns the validation rows;
    None for both where too few rows list a value.
    """
    names, counts = np.unique(truth[(split == "train") & (truth != "")], return_counts=True)
    train, validation = (
        np.flatnonzero((split == side) & np.isin(truth, names[counts >= LEAST]))
        for side in ("train", "validation")
    )
    if (counts >= LEAST).sum() < 2 or not len(validation):
        return None, None
    for classifier in classifiers:
        classifier.fit(inputs[train], truth[train])
    scores = [model.score(inputs[validation], truth[validation]) for model in classifiers]
    return classifiers[int(np.argmax(scores))], validation


def main() -> None:
    run, started = cli.run_config(cli.parse(cli.parser(__doc__))), time.monotonic()
    data = dataset.load(run)
    table, split = data.table, data.table["split"].to_numpy()
    inputs = _inputs(data.image, data.text)
    fashion = table.index[table["dataset_source"] == "FASHION"]
    listed = catalogue.read(run.paths.fashion_raw, table["product_key"][fashion])

    imputer, rows = AttributeImputer(), []
    for name in ATTRIBUTES:
        truth = pd.Series("", index=table.index)
        truth[fashion] = [row[name].value if name in row else "" for row in listed]
        truth = truth.to_numpy(dtype=str)
        classifiers = [LogisticRegression(C=c, max_iter=1000, tol=1e-3) for c in STRENGTHS]
        best, validation = fit_best(classifiers, inputs, truth, split)
        if best is None:
            print(f"{name}: too few training or validation products list it; left out")
            continue
        weights = np.vstack([best.coef_.T, best.intercept_])
        if len(best.classes_) == 2:  # scikit-learn keeps one column for two classes
            weights = np.hstack([np.zeros_like(weights), weights])
        logits = inputs[validation] @ weights[:-1] + weights[-1]
        codes = pd.Index(best.classes_)
        weights /= metrics.fit_temperature(logits, codes.get_indexer(truth[validation]))
        imputer.weights[name], imputer.values[name] = weights.astype(np.float32), list(codes)

        # On every test row that the catalogue lists, beside always the most frequent value.
        train, test = (
            np.flatnonzero((split == side) & (truth != "")) for side in ("train", "test")
        )
        y = codes.get_indexer(truth[test])
        proba = imputer.probabilities(name, data.image[test], data.text[test])
        rows.append(
            {
                "attribute": name,
                "values": len(codes),
                "n_train": len(train),
                "n_test": len(test),
                "majority_accuracy": (truth[test] == pd.Series(truth[train]).mode()[0]).mean(),
                "accuracy": (proba.argmax(axis=1) == y).mean(),
                "ece": metrics.expected_calibration_error(y, proba),
            }
        )
    if not rows:
        raise StageError("no attribute is listed often enough to learn from")

    model, results = run.paths.model(*MODEL), run.paths.results(STAGE)
    imputer.save(model, preset=run.preset, dimensions=[data.image.shape[1], data.text.shape[1]])
    inferred = {"product_key": table["product_key"]}
    for name, (value, confidence) in imputer.infer(data.image, data.text).items():
        inferred[f"inferred_{name}"] = value
        inferred[f"inferred_{name}_confidence"] = confidence.round(4)
    target = run.paths.data / "inferred_attributes.csv"
    write_csv(pd.DataFrame(inferred), target)
    write_csv(pd.DataFrame(rows), results)
    for path in (model, target, results):
        record(path, run, data.inputs, time.monotonic() - started)
    print(pd.DataFrame(rows).drop(columns="values").round(3).to_string(index=False))
    print(f"{len(table):,} products in {target}; scores in {results}")


if __name__ == "__main__":
    cli.run(main)
