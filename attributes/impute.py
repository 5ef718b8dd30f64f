"""Infers what a listing leaves out, from the embeddings of its picture and text.

    python -m attributes.impute --data-dir data/kaggle14k --raw-dir PATH

One multinomial logistic regression per attribute learns what the Fashion catalogue lists of its
training products; how strongly it is held back, and the temperature of its confidence (Guo et al.,
ICML 2017), are chosen on the validation rows. What is inferred is kept apart from what was read.

Reads  dataset_with_llm.csv, img_emb.npy, wrd_emb.npy, <raw-dir>/fashion-dataset/styles/
Writes inferred_attributes.csv, models/attributes/completion.safetensors and its JSON,
       results/attribute_completion.csv
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ATTRIBUTES = ("sleeve", "fabric", "pattern", "neck", "fit", "care", "material", "occasion")
STAGE, MODEL = "attribute_completion", ("attributes", "completion.safetensors")
STRENGTHS = (0.003, 0.01, 0.03, 0.1)  # C of the logistic regression
SCALE = 20.0  # of the unit-length embeddings, so that the strengths are of order 0.01
LEAST = 10  # training products of a value, below which it is not learnt


@dataclass
class AttributeImputer:
    """One linear classifier per attribute.

    weights: attribute -> float32 (d_image + d_text + 1, n_values), the last row the intercept,
    divided by the temperature. values: attribute -> the names of its columns.
    """

    weights: dict[str, np.ndarray]
    values: dict[str, list[str]]

    def infer(
        self, image: np.ndarray, text: np.ndarray
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Per attribute the likeliest value and its confidence in 0..1, each of shape (n,).

        image (n, d_image) and text (n, d_text): embeddings; a row of NaN stands for a product
        without photo or without text.
        """
        inputs = _inputs(image, text)
        found = {}
        for name, weights in self.weights.items():
            logits = inputs @ weights[:-1] + weights[-1]
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            sure = odds / odds.sum(axis=1, keepdims=True)
            found[name] = np.array(self.values[name])[sure.argmax(axis=1)], sure.max(axis=1)
        return found

    def save(self, path: Path, **known: object) -> None:
        """Writes ``path`` (safetensors) and a JSON beside it; ``known`` is kept in the JSON."""
        from safetensors.numpy import save

        from common.artifacts import atomic, write_json

        with atomic(path) as part:
            part.write_bytes(save(self.weights))
        write_json({"values": self.values, **known}, path.with_suffix(".json"))

    @classmethod
    def load(cls, path: Path) -> "AttributeImputer":
        """Reads what :meth:`save` wrote. Raises StageError when it is missing or not whole."""
        import json

        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        from common.artifacts import StageError, require

        require(path, "python -m attributes.impute")
        try:
            values = json.loads(path.with_suffix(".json").read_text("utf-8"))["values"]
            return cls(load_file(path), values)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise StageError(f"{path} is not whole; run python -m attributes.impute") from error


def _inputs(image: np.ndarray, text: np.ndarray) -> np.ndarray:
    # Zeros, the middle of all directions, stand for what is not there.
    return np.nan_to_num(np.hstack([image, text]).astype(np.float32) * np.float32(SCALE))


def main() -> None:
    from common import cli

    args = cli.parse(cli.parser(__doc__))
    import pandas as pd

    from attributes import catalogue as gold
    from common import artifacts, dataset

    started, paths = time.monotonic(), args.paths
    data = dataset.load(cli.run_config(args))
    inputs = _inputs(data.image, data.text)
    split = data.table["split"].to_numpy()
    listed = np.full((len(data.table), len(ATTRIBUTES)), "", dtype=object)
    fashion = np.flatnonzero(data.table["dataset_source"] == "FASHION")
    keys = data.table["product_key"].iloc[fashion]
    for row, one in zip(fashion, gold.read(paths.fashion_raw, keys), strict=True):
        listed[row] = [one[name].value if name in one else "" for name in ATTRIBUTES]

    model, rows = AttributeImputer({}, {}), []
    for name, truth in zip(ATTRIBUTES, listed.T, strict=True):
        fitted = _fit(inputs, truth, split)
        if fitted is None:
            print(f"{name}: too few training or validation products list it; left out", flush=True)
            continue
        model.weights[name], model.values[name] = fitted
        rows.append({"attribute": name, **_score(model, data, truth, split, name)})
        print("  ".join(f"{key}={value}" for key, value in rows[-1].items()), flush=True)
    if not rows:
        raise artifacts.StageError("no attribute is listed often enough to learn from")

    path = paths.model(*MODEL)
    model.save(path, preset=args.preset, dimensions=[data.image.shape[1], data.text.shape[1]])
    inferred = {"product_key": data.table["product_key"]}
    for name, (value, confidence) in model.infer(data.image, data.text).items():
        inferred[f"inferred_{name}"] = value
        inferred[f"inferred_{name}_confidence"] = confidence.round(4)
    target = paths.data / "inferred_attributes.csv"
    artifacts.write_csv(pd.DataFrame(inferred), target)
    artifacts.write_csv(pd.DataFrame(rows), paths.results(STAGE))
    seconds = time.monotonic() - started
    for made in (path, target, paths.results(STAGE)):
        artifacts.record(made, args, data.inputs, seconds)
    print(f"{len(data.table):,} products in {target}")


def _fit(inputs, truth, split) -> tuple[np.ndarray, list[str]] | None:
    """Weights and values of the classifier that does best on the validation rows."""
    from sklearn.linear_model import LogisticRegression

    from common.metrics import fit_temperature

    train = np.flatnonzero((split == "train") & (truth != ""))
    names, counts = np.unique(truth[train].astype(str), return_counts=True)
    names = [str(name) for name in names[counts >= LEAST]]
    train = train[np.isin(truth[train], names)]
    tune = np.flatnonzero((split == "validation") & np.isin(truth, names))
    if len(names) < 2 or not len(tune):
        return None
    kept = None
    for strength in STRENGTHS:
        fitted = LogisticRegression(C=strength, max_iter=1000, tol=1e-3)
        fitted.fit(inputs[train], truth[train].astype(str))
        right = fitted.score(inputs[tune], truth[tune].astype(str))
        if kept is None or right > kept[0]:
            kept = right, fitted
    weights = np.vstack([kept[1].coef_.T, kept[1].intercept_])
    if len(names) == 2:  # scikit-learn keeps one column for two classes
        weights = np.hstack([np.zeros_like(weights), weights])
    logits = inputs[tune] @ weights[:-1] + weights[-1]
    weights /= fit_temperature(logits, np.searchsorted(names, truth[tune].astype(str)))
    return weights.astype(np.float32), names


def _score(model, data, truth, split, name) -> dict[str, object]:
    """Accuracy on every test row that the catalogue lists, beside always the commonest value."""
    train, test = (truth[(split == side) & (truth != "")] for side in ("train", "test"))
    rows = np.flatnonzero((split == "test") & (truth != ""))
    value, confidence = model.infer(data.image[rows], data.text[rows])[name]
    names, counts = np.unique(train.astype(str), return_counts=True)
    right = value == test
    bins = np.minimum((confidence * 15).astype(int), 14)
    gaps = [
        abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    return {
        "values": len(model.values[name]),
        "n_train": len(train),
        "n_test": len(test),
        "majority_accuracy": float((test == names[counts.argmax()]).mean()),
        "accuracy": float(right.mean()),
        "ece": float(sum(gaps)),
    }


if __name__ == "__main__":
    from common.cli import run

    run(main)
