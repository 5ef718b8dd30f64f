"""What makes a classifier of one source answer better for another, from its unlabelled products.

Notation: `seen` are row numbers; answers are log probabilities (n_rows, n_classes) of every row.
Nothing here looks at a label of the source that is answered for.
"""

import numpy as np
from scipy.linalg import eigh
from scipy.special import log_softmax
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.preprocessing import StandardScaler

SHRINKAGE = 1e-3  # of the mean variance, added to every variance before a covariance is inverted
IN_BOTH = 5  # products of either source that must hold a word
CONFIDENT = 0.5  # share of the products of each answered class that self-training learns from
RIDGE = 1000.0  # penalty of self-training on standardised embeddings
EM_STEPS = 100


# --- embeddings (n_rows, d) that look alike in both sources ----------------------------------


def standardised(rows: np.ndarray, sources: list[np.ndarray], seen: list[np.ndarray]) -> np.ndarray:
    """Mean 0 and variance 1 / d in every dimension, within each source.

    sources: row numbers of each source; seen: those of them whose statistics are taken.
    """
    made = np.zeros_like(rows, dtype=np.float32)
    for own, fitted in zip(sources, seen, strict=True):
        mean, deviation = rows[fitted].mean(axis=0), rows[fitted].std(axis=0)
        made[own] = (rows[own] - mean) / np.maximum(deviation, 1e-6)
    return made / np.sqrt(rows.shape[1])


def coral(rows: np.ndarray, sources: list[np.ndarray], seen: list[np.ndarray]) -> np.ndarray:
    """The first source's rows with the mean and covariance of the second's.

    Sun et al., "Return of frustratingly easy domain adaptation", AAAI 2016, with the means aligned
    too; parameters as in :func:`standardised`.
    """
    first, second = (rows[fitted].astype(np.float64) for fitted in seen)
    turned = _power(first, -0.5) @ _power(second, 0.5)
    made = np.array(rows, dtype=np.float32)
    made[sources[0]] = (rows[sources[0]] - first.mean(axis=0)) @ turned + second.mean(axis=0)
    return made


def _power(rows: np.ndarray, exponent: float) -> np.ndarray:
    covariance = np.cov(rows.T)
    covariance += SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    values, vectors = eigh(covariance)
    return (vectors * values**exponent) @ vectors.T


# --- answers ---------------------------------------------------------------------------------


def with_target_shares(answers: np.ndarray, unlabelled: np.ndarray, shares: np.ndarray):
    """Answers corrected for the class shares of `unlabelled` rows, which EM estimates.

    shares: (n_classes,) of the rows learned from. Saerens et al., "Adjusting the outputs of a
    classifier to new a priori probabilities", Neural Computation 2002.
    """
    shares = (shares + 1e-6) / (shares + 1e-6).sum()
    estimated = shares
    for _ in range(EM_STEPS):
        posterior = np.exp(log_softmax(answers[unlabelled] + np.log(estimated / shares), axis=1))
        estimated = posterior.mean(axis=0) + 1e-9
    return log_softmax(answers + np.log(estimated / shares), axis=1)


def shared_words(
    texts: list[str], y: np.ndarray, train: np.ndarray, unlabelled: np.ndarray, classes: int
) -> np.ndarray:
    """Answers of a linear model of the words that products of both sources hold.

    Brands, and what only one source says of a class, are then no evidence.
    """
    counts = CountVectorizer(token_pattern=r"\b[a-z]{2,}\b", binary=True).fit_transform(texts)
    held = [np.asarray(counts[rows].sum(axis=0)).ravel() > IN_BOTH for rows in (train, unlabelled)]
    words = TfidfTransformer().fit_transform(counts[:, held[0] & held[1]])
    model = LogisticRegression(C=3, max_iter=200).fit(words[train], y[train])
    answers = np.full((len(texts), classes), np.log(1e-6))
    answers[:, model.classes_] = np.maximum(model.predict_log_proba(words), np.log(1e-6))
    return answers


def surest(answers: np.ndarray, unlabelled: np.ndarray) -> np.ndarray:
    """The `CONFIDENT` surest of the `unlabelled` rows that are given each class.

    Class by class, so that a frequent one cannot crowd out the others (Zou et al., "Unsupervised
    domain adaptation for semantic segmentation via class-balanced self-training", ECCV 2018).
    """
    named, sure = answers[unlabelled].argmax(axis=1), answers[unlabelled].max(axis=1)
    kept = []
    for one in np.unique(named):
        own = np.flatnonzero(named == one)
        kept.append(own[np.argsort(-sure[own])][: int(np.ceil(CONFIDENT * len(own)))])
    return unlabelled[np.concatenate(kept)]


def agreed(views: list[np.ndarray], unlabelled: np.ndarray) -> np.ndarray:
    """Those of the `unlabelled` rows to which all answers give one class.

    Zhou & Li, "Tri-training: exploiting unlabeled data using three classifiers", TKDE 2005. Views
    that err for different reasons seldom agree on an error, however sure each may be.
    """
    named = np.stack([view[unlabelled].argmax(axis=1) for view in views])
    return unlabelled[(named == named[0]).all(axis=0)]


def retrained(
    features: np.ndarray, answers: np.ndarray, chosen: np.ndarray, unlabelled: np.ndarray
) -> np.ndarray:
    """Scores (n_rows, n_classes) of a linear model that takes answers for `chosen` rows as true.

    features: (n_rows, d), standardised on the `unlabelled` rows, of which `chosen` are some. Where
    these are not of two classes, there is nothing to learn, and the answers stay.
    """
    named = answers[chosen].argmax(axis=1)
    present = np.unique(named)
    if len(present) < 2:
        return answers
    scaler = StandardScaler().fit(features[unlabelled])
    model = RidgeClassifier(RIDGE).fit(scaler.transform(features[chosen]), named)
    scores = np.full(answers.shape, -np.inf)
    decided = model.decision_function(scaler.transform(features))
    scores[:, present] = decided if decided.ndim == 2 else np.stack([-decided, decided], axis=1)
    return scores
