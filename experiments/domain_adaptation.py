"""Unsupervised domain adaptation: classify a target source from its unlabelled products.

Notation: `fit_rows` are row numbers; predictions are log probabilities (n_rows, n_classes) of every
row. Nothing here looks at a label of the target source.
"""

import numpy as np
from scipy.linalg import eigh
from scipy.special import log_softmax
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.preprocessing import StandardScaler

SHRINKAGE = 1e-3  # of the mean variance, added to every variance before a covariance is inverted
IN_BOTH = 5  # products of either source that must hold a word
CONFIDENT = 0.5  # share of the products of each predicted class that self-training learns from
RIDGE = 1000.0  # penalty of self-training on standardised embeddings
EM_STEPS = 100
SMALLEST_LOG = np.log(1e-6)


# --- embeddings (n_rows, d) that look alike in both sources ----------------------------------


def standardise(rows: np.ndarray, sources: list[np.ndarray], fit_rows: list[np.ndarray]):
    """Mean 0 and variance 1 / d in every dimension, within each source.

    sources: row numbers of each source; fit_rows: those of them whose statistics are taken.
    """
    result = np.zeros_like(rows, dtype=np.float32)
    for source, sample in zip(sources, fit_rows, strict=True):
        mean, deviation = rows[sample].mean(axis=0), rows[sample].std(axis=0)
        result[source] = (rows[source] - mean) / np.maximum(deviation, 1e-6)
    return result / np.sqrt(rows.shape[1])


def coral(rows: np.ndarray, sources: list[np.ndarray], fit_rows: list[np.ndarray]) -> np.ndarray:
    """The first source's rows with the mean and covariance of the second's.

    Sun et al., AAAI 2016, with the means aligned too; parameters as in :func:`standardise`.
    """
    first, second = (rows[sample].astype(np.float64) for sample in fit_rows)
    rotation = _power(first, -0.5) @ _power(second, 0.5)
    result = np.array(rows, dtype=np.float32)
    result[sources[0]] = (rows[sources[0]] - first.mean(axis=0)) @ rotation + second.mean(axis=0)
    return result


def _power(rows: np.ndarray, exponent: float) -> np.ndarray:
    covariance = np.cov(rows.T)
    covariance += SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    values, vectors = eigh(covariance)
    return (vectors * values**exponent) @ vectors.T


# --- predictions -----------------------------------------------------------------------------


def adjust_to_target_shares(predictions: np.ndarray, unlabelled: np.ndarray, shares: np.ndarray):
    """Predictions corrected for the class shares of `unlabelled` rows, which EM estimates.

    shares: (n_classes,) of the rows learned from. Saerens et al., Neural Computation 2002.
    """
    shares = (shares + 1e-6) / (shares + 1e-6).sum()
    target = shares
    for _ in range(EM_STEPS):
        posterior = np.exp(log_softmax(predictions[unlabelled] + np.log(target / shares), axis=1))
        target = posterior.mean(axis=0) + 1e-9
    return log_softmax(predictions + np.log(target / shares), axis=1)


def predict_by_shared_words(
    texts: list[str], y: np.ndarray, train: np.ndarray, unlabelled: np.ndarray, n_classes: int
) -> np.ndarray:
    """Predictions of a linear model of the words that products of both sources hold.

    Brands, and what only one source says of a class, are then no evidence.
    """
    counts = CountVectorizer(token_pattern=r"\b[a-z]{2,}\b", binary=True).fit_transform(texts)
    first, second = (
        np.asarray(counts[rows].sum(axis=0)).ravel() > IN_BOTH for rows in (train, unlabelled)
    )
    words = TfidfTransformer().fit_transform(counts[:, first & second])
    model = LogisticRegression(C=3, max_iter=200).fit(words[train], y[train])
    predictions = np.full((len(texts), n_classes), SMALLEST_LOG)
    predictions[:, model.classes_] = np.maximum(model.predict_log_proba(words), SMALLEST_LOG)
    return predictions


def surest_rows(predictions: np.ndarray, unlabelled: np.ndarray) -> np.ndarray:
    """The `CONFIDENT` surest of the `unlabelled` rows of each predicted class.

    Class by class, so that a frequent one cannot crowd out the others (class-balanced
    self-training: Zou et al., ECCV 2018).
    """
    labels, confidence = predictions[unlabelled].argmax(axis=1), predictions[unlabelled].max(axis=1)
    chosen = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen.append(rows[np.argsort(-confidence[rows])][: int(np.ceil(CONFIDENT * len(rows)))])
    return unlabelled[np.concatenate(chosen)]


def agreeing_rows(views: list[np.ndarray], unlabelled: np.ndarray) -> np.ndarray:
    """Those of the `unlabelled` rows for which all views predict the same class.

    Views that err for different reasons seldom agree on an error (tri-training: Zhou & Li, 2005).
    """
    labels = np.stack([view[unlabelled].argmax(axis=1) for view in views])
    return unlabelled[(labels == labels[0]).all(axis=0)]


def retrain(
    features: np.ndarray, predictions: np.ndarray, chosen: np.ndarray, unlabelled: np.ndarray
) -> np.ndarray:
    """Scores (n_rows, n_classes) of a linear model that takes predictions for `chosen` as labels.

    features: (n_rows, d), standardised on the `unlabelled` rows. Where `chosen` are of one class,
    there is nothing to learn, and the predictions stay.
    """
    labels = predictions[chosen].argmax(axis=1)
    present = np.unique(labels)
    if len(present) < 2:
        return predictions
    scaler = StandardScaler().fit(features[unlabelled])
    model = RidgeClassifier(RIDGE).fit(scaler.transform(features[chosen]), labels)
    scores = np.full(predictions.shape, -np.inf)
    scores[:, present] = by_class(model.decision_function(scaler.transform(features)))
    return scores


def by_class(decision: np.ndarray) -> np.ndarray:
    """Of two classes scikit-learn gives one score (n_rows,): that of the second."""
    return decision if decision.ndim == 2 else np.c_[-decision, decision]
