"""Classification, regression, clustering and interval metrics, one dictionary per result row.

Every stage scores with these functions, so that one column name means one thing in every table.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment, minimize_scalar
from scipy.special import log_softmax
from sklearn.metrics import (
    accuracy_score,
    adjusted_rand_score,
    f1_score,
    mean_absolute_error,
    normalized_mutual_info_score,
    precision_recall_fscore_support,
    r2_score,
    root_mean_squared_error,
    root_mean_squared_log_error,
    silhouette_score,
)
from sklearn.metrics.cluster import contingency_matrix

PRICE_FLOOR_USD = 0.01  # a price is positive; a model's answer need not be
SILHOUETTE_SAMPLE = 5000  # the silhouette is quadratic in rows


def classification(y_true, y_pred, proba=None) -> dict[str, float]:
    """Scores predicted classes, and their probabilities where the model has any.

    y_true: (n,) integer class indices. y_pred: (n,) indices; -1 says that no class was named, which
    is always wrong and never a class of its own. proba: (n, n_classes) probabilities, or None.

    Returns accuracy, f1_macro, f1_weighted, precision_macro, recall_macro (macro: over the classes
    that occur in either array, as scikit-learn has it) and ece (NaN without `proba`).
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    occurring = np.union1d(y_true, y_pred)
    options = {"labels": occurring[occurring >= 0], "zero_division": 0}
    macro = precision_recall_fscore_support(y_true, y_pred, average="macro", **options)
    return {
        "accuracy": float(accuracy_score(y_true, y_pred)),
        "f1_macro": float(macro[2]),
        "f1_weighted": float(f1_score(y_true, y_pred, average="weighted", **options)),
        "precision_macro": float(macro[0]),
        "recall_macro": float(macro[1]),
        "ece": float("nan") if proba is None else expected_calibration_error(y_true, proba),
    }


def expected_calibration_error(y_true, proba, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal-width confidence bins.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    proba = np.asarray(proba, dtype=np.float64)
    confidence = proba.max(axis=1)
    correct = proba.argmax(axis=1) == np.asarray(y_true)
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(which, weights=correct - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def fit_temperature(logits: np.ndarray, y: np.ndarray) -> float:
    """The temperature under which softmax(logits / T) fits `y` best (Guo et al., ICML 2017)."""

    def negative_log_likelihood(log_temperature):
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -scaled[np.arange(len(y)), y].mean()

    return float(np.exp(minimize_scalar(negative_log_likelihood, bounds=(-2, 2)).x))


def automatic(
    validation, validation_proba, true, proba, accuracy: float = 0.99
) -> dict[str, float]:
    """What share of rows can be labelled without a second look.

    validation, validation_proba: classes (m,), probabilities (m, n_classes), which give the least
    confidence above which a share `accuracy` is right. true, proba: of the rows to score. Returns
    automatic_share, the rows at least that sure, and automatic_accuracy, of these (NaN for none).
    """
    validation_proba, proba = np.asarray(validation_proba), np.asarray(proba)
    confidence = validation_proba.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    right = (validation_proba.argmax(axis=1) == np.asarray(validation))[order]
    enough = np.flatnonzero(np.cumsum(right) >= accuracy * np.arange(1, len(right) + 1))
    least = confidence[order][enough[-1]] if len(enough) else np.inf
    sure = proba.max(axis=1) >= least
    hit = proba.argmax(axis=1) == np.asarray(true)
    return {
        "automatic_share": float(sure.mean()),
        "automatic_accuracy": float(hit[sure].mean()) if sure.any() else float("nan"),
    }


def by_class(y_true, y_pred, classes: int) -> list[dict[str, float]]:
    """Per class: support, precision, recall and f1; arguments as in :func:`classification`."""
    scores = precision_recall_fscore_support(
        y_true, y_pred, labels=np.arange(classes), zero_division=0
    )
    return [
        {"support": int(n), "precision": float(p), "recall": float(r), "f1": float(f)}
        for p, r, f, n in zip(*scores, strict=True)
    ]


def regression(true_usd, pred_usd, source) -> dict[str, float]:
    """Scores prices in USD.

    true_usd, pred_usd: (n,), floored at 0.01 USD for logarithms. source: (n,), HNM or FASHION.

    Returns r2 over all rows (much of it the price levels of the sources), r2_hnm and r2_fashion
    within a source (NaN under two rows), r2_log on log prices, rmse and mae in USD, mdape (median
    absolute percentage error, as a fraction) and rmsle.
    """
    true_usd, pred_usd = (np.asarray(values, dtype=np.float64) for values in (true_usd, pred_usd))
    source = np.asarray(source)
    positive = np.maximum(pred_usd, PRICE_FLOOR_USD)

    def r2(rows):
        return float(r2_score(true_usd[rows], pred_usd[rows])) if rows.sum() > 1 else float("nan")

    return {
        "r2": r2(np.ones(len(true_usd), dtype=bool)),
        "r2_hnm": r2(source == "HNM"),
        "r2_fashion": r2(source == "FASHION"),
        "r2_log": float(r2_score(np.log(true_usd), np.log(positive))),
        "rmse": float(root_mean_squared_error(true_usd, pred_usd)),
        "mae": float(mean_absolute_error(true_usd, pred_usd)),
        "mdape": float(np.median(np.abs(pred_usd - true_usd) / true_usd)),
        "rmsle": float(root_mean_squared_log_error(true_usd, positive)),
    }


def clustering(labels, assigned, space) -> dict[str, float]:
    """Scores clusters against known labels.

    labels: (n,) true classes. assigned: (n,) clusters. space: (n, d), of the silhouette, the same
    for every method, since each looks best in its own.

    Returns accuracy (best one-to-one match of clusters to classes, Hungarian method), nmi, ari,
    silhouette (on at most 5,000 seeded rows; NaN if fewer than two clusters are left) and
    smallest_cluster in rows.
    """
    labels, assigned = np.asarray(labels), np.asarray(assigned)
    counts = contingency_matrix(labels, assigned)
    matched = counts[linear_sum_assignment(counts, maximize=True)].sum()
    sizes = counts.sum(axis=0)
    silhouette, rows = float("nan"), min(SILHOUETTE_SAMPLE, len(labels))
    if 1 < len(sizes) < len(labels):
        silhouette = silhouette_score(space, assigned, sample_size=rows, random_state=0)
    return {
        "accuracy": float(matched / len(labels)),
        "nmi": float(normalized_mutual_info_score(labels, assigned)),
        "ari": float(adjusted_rand_score(labels, assigned)),
        "silhouette": float(silhouette),
        "smallest_cluster": int(sizes.min()),
    }


def retrieval(
    image: np.ndarray, text: np.ndarray, seed: int = 0, among: int = 1000, draws: int = 1
) -> dict:
    """How often a text finds its own picture first, or among the first ten, and the reverse.

    image, text: (n, d), L2-normalised, row by row one product. among: products that are drawn (all,
    if there are fewer), `draws` times over.

    Returns text_to_image@1, text_to_image@10, image_to_text@1, image_to_text@10 (recall, means over
    the draws; a tie counts as found) and among, the number of products.
    """
    rng = np.random.default_rng(seed)
    among = min(among, len(image))
    recalls: dict[str, list[float]] = {}
    for _ in range(draws if among < len(image) else 1):
        rows = rng.permutation(len(image))[:among]
        similarity = text[rows] @ image[rows].T
        for name, scores in (("text_to_image", similarity), ("image_to_text", similarity.T)):
            rank = (scores > np.diag(scores)[:, None]).sum(axis=1)
            for k in (1, 10):
                recalls.setdefault(f"{name}@{k}", []).append(float((rank < k).mean()))
    means = {name: round(float(np.mean(values)), 4) for name, values in recalls.items()}
    return means | {"among": among}


def interval(true, low, high) -> dict[str, float]:
    """Share of `true` inside [low, high], and the median width, in the unit of the inputs."""
    true, low, high = (np.asarray(values, dtype=np.float64) for values in (true, low, high))
    return {
        "coverage": float(np.mean((low <= true) & (true <= high))),
        "median_width": float(np.median(high - low)),
    }
