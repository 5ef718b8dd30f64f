"""Clusters of products: their space, the methods, the choice of K, names and central products.

Every method learns from training rows only and then assigns a cluster to every row.
"""

import logging
import time
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import scipy.stats
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import pairwise_distances_argmin, silhouette_score
from sklearn.mixture import GaussianMixture

from common import metrics
from common.clusters import dec
from common.runtime import Progress

log = logging.getLogger(__name__)

COMPONENTS = 64  # of the common space
RESTARTS = 10
LARGEST_TREE = 10_000  # rows: Ward's linkage holds all pairs, 0.4 GB at this size
K_RANGE = range(2, 31)
K_SAMPLE = 2_000  # rows that the choice of K looks at
REFERENCES = 5  # uniform data sets that the gap statistic compares with


def common_space(image: np.ndarray, text: np.ndarray, train: np.ndarray, seed: int) -> np.ndarray:
    """Image and text embedding side by side, reduced by PCA: float32 (n, <= COMPONENTS).

    Each is centred and brought to variance 1 in total first, by training rows.
    """
    parts = []
    for embedding in (image, text):
        centred = np.asarray(embedding, np.float32) - embedding[train].mean(axis=0)
        parts.append(centred / np.sqrt(centred[train].var(axis=0).sum()))
    features = np.concatenate(parts, axis=1)
    components = min(COMPONENTS, len(train), features.shape[1])
    pca = PCA(components, svd_solver="randomized", random_state=seed).fit(features[train])
    return pca.transform(features).astype(np.float32)


# A method: (space (n, d), training rows, k, seed) -> cluster of every row (n,).
def kmeans(space: np.ndarray, train: np.ndarray, k: int, seed: int) -> np.ndarray:
    return KMeans(k, n_init=RESTARTS, random_state=seed).fit(space[train]).predict(space)


def gaussian_mixture(space: np.ndarray, train: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Gaussian mixture with diagonal covariances: the axes of a PCA are uncorrelated."""
    mixture = GaussianMixture(
        k, covariance_type="diag", n_init=3, max_iter=300, reg_covar=1e-5, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            mixture.fit(space[train])
        except ConvergenceWarning:
            log.warning("GMM with k=%d, seed %d did not converge in 300 steps", k, seed)
    return mixture.predict(space)


def agglomerative(space: np.ndarray, train: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Ward's, on `LARGEST_TREE` training rows at most; a row goes to the nearest centroid."""
    if len(train) > LARGEST_TREE:
        log.warning("Agglomerative is fitted on %d of %d rows", LARGEST_TREE, len(train))
        train = np.random.default_rng(seed).choice(train, LARGEST_TREE, replace=False)
    labels = AgglomerativeClustering(k, linkage="ward").fit_predict(space[train])
    centroids = np.stack([space[train][labels == cluster].mean(axis=0) for cluster in range(k)])
    return pairwise_distances_argmin(space, centroids)


BASELINES = {
    "One cluster": lambda space, train, k, seed: np.zeros(len(space), np.int64),
    "Random": lambda space, _, k, seed: np.random.default_rng(seed).integers(k, size=len(space)),
}
SHALLOW = {"K-Means": kmeans, "GMM": gaussian_mixture, "Agglomerative": agglomerative}


def run_methods(
    names: Sequence[str], space: np.ndarray, train: np.ndarray, k: int, seed: int, device
) -> Iterator[dec.Clustering]:
    """Yields the clustering by each of the methods `names`, baselines and deep ones included."""
    for name, method in (BASELINES | SHALLOW).items():
        if name in names:
            started = time.perf_counter()
            assigned = method(space, train, k, seed)
            yield dec.Clustering(name, assigned, space, time.perf_counter() - started)
    if {dec.AE, dec.DEC, dec.IDEC} & set(names):
        features = dec.scale(space, train)
        results = dec.cluster(features, train, k, seed, device, dec.IDEC in names)
        yield from (result for result in results if result.method in names)


def score(table: pd.DataFrame, result: dec.Clustering, space: np.ndarray, k: int) -> dict:
    """Metrics of the test rows by category and product type; sizes and entropy of all rows.

    space: (n, d), the same for all methods, in which the silhouette is taken.
    """
    test = np.flatnonzero(table["split"] == "test")
    category, product_type = table["normalized_category"], table["product_type"]
    assigned, sizes = result.assigned[test], np.bincount(result.assigned, minlength=k)
    by_type = metrics.clustering(product_type.iloc[test], assigned, result.space[test])
    return {
        **metrics.clustering(category.iloc[test], assigned, space[test]),
        "smallest_cluster": int(sizes.min()),
        "nmi_type": by_type["nmi"],
        "ari_type": by_type["ari"],
        "silhouette_own": by_type["silhouette"],
        "entropy": entropy(sizes),
        "n_train": int((table["split"] == "train").sum()),
        "n_test": len(test),
    }


def entropy(sizes: np.ndarray) -> float:
    """Entropy of the cluster sizes over that of equal sizes: 1 is even, 0 is one cluster."""
    return float(scipy.stats.entropy(sizes, base=len(sizes)))


def choose_k(features: np.ndarray, seed: int) -> tuple[pd.DataFrame, dict[str, int], int]:
    """K of K-Means on features (n, d) by elbow, silhouette and gap statistic.

    Returns a table (k, inertia, silhouette, gap, gap_error), {criterion: K}, and their median.

    Elbow: furthest below the chord of the inertia curve (Satopaa et al., 2011). Silhouette: the
    largest (Rousseeuw, 1987). Gap: the smallest K within one standard error of the next (Tibshirani
    et al., 2001), uniform references in the box around the data. Of `K_SAMPLE` rows at most.
    """
    rng = np.random.default_rng(seed)
    if len(features) > K_SAMPLE:
        features = features[rng.choice(len(features), K_SAMPLE, replace=False)]
    low, high = features.min(axis=0), features.max(axis=0)
    references = [rng.uniform(low, high, features.shape) for _ in range(REFERENCES)]

    def fit(data, k):
        return KMeans(k, n_init=3, random_state=seed).fit(data)

    rows = []
    for k in Progress([k for k in K_RANGE if k < len(features) // 2], "choice of K"):
        clusters = fit(features, k)
        expected = np.log([fit(reference, k).inertia_ for reference in references])
        gap_size = expected.mean() - np.log(clusters.inertia_)
        error = expected.std() * np.sqrt(1 + 1 / REFERENCES)
        silhouette = silhouette_score(features, clusters.labels_)
        rows.append((k, clusters.inertia_, silhouette, gap_size, error))
    table = pd.DataFrame(rows, columns=["k", "inertia", "silhouette", "gap", "gap_error"])
    votes = {
        "elbow": elbow(table["k"], table["inertia"]),
        "silhouette": int(table["k"][table["silhouette"].idxmax()]),
        "gap": gap(table["k"], table["gap"], table["gap_error"]),
    }
    return table, votes, int(np.median(list(votes.values())))


def elbow(k, inertia) -> int:
    """The K whose inertia lies furthest below the line from the first to the last point."""
    k, inertia = np.asarray(k, float), np.asarray(inertia, float)
    across = (k - k[0]) / (k[-1] - k[0])
    down = (inertia - inertia[-1]) / (inertia[0] - inertia[-1])
    return int(k[np.argmax(1 - across - down)])


def gap(k, gaps, errors) -> int:
    """The smallest K with gap(K) >= gap(K+1) - error(K+1); the last where there is none."""
    k, gaps, errors = (np.asarray(values) for values in (k, gaps, errors))
    enough = np.flatnonzero(gaps[:-1] >= gaps[1:] - errors[1:])
    return int(k[enough[0]] if len(enough) else k[-1])


def cluster_names(table: pd.DataFrame, assigned: np.ndarray) -> dict[int, str]:
    """A name per cluster: its commonest category and the two words most distinctive of it.

    Words of the titles, less the brand, and of the items, materials and styles that were read;
    distinctive by class-based TF-IDF (Grootendorst, "BERTopic", 2022).
    """
    read = table.reindex(columns=["llm_main_item", "llm_material", "llm_style"], fill_value="")
    titles = [
        title.replace(brand, " ") if brand else title
        for title, brand in zip(table["title"], table["brand"], strict=True)
    ]
    texts = read.assign(title=titles).agg(" ".join, axis=1)
    vectorizer = CountVectorizer(
        token_pattern=r"[a-z]{3,}", stop_words="english", binary=True, dtype=np.float32
    )
    category = table["normalized_category"].groupby(assigned).agg(lambda rows: rows.mode()[0])
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError:  # no word is left
        return category.to_dict()
    words = vectorizer.get_feature_names_out()
    member = np.float32([assigned == cluster for cluster in category.index])
    share = (member @ counts) / member.sum(axis=1, keepdims=True)
    weight = share * np.log1p(1 / np.maximum(share.sum(axis=0), 1 / len(table)))
    typical = words[np.argsort(-weight, axis=1, kind="stable")[:, :2]]
    pairs = zip(category.items(), typical, strict=True)
    return {cluster: f"{name} ({', '.join(pair)})" for (cluster, name), pair in pairs}


def describe(table: pd.DataFrame, assigned: np.ndarray) -> Iterator[dict]:
    """Yields of each cluster its number, name, size and share of the commonest category."""
    for cluster, name in cluster_names(table, assigned).items():
        category = table["normalized_category"][assigned == cluster]
        share = float(category.value_counts(normalize=True).iloc[0])
        row = {"cluster": cluster, "cluster_name": name, "products": len(category)}
        yield row | {"category_share": share}


def central(space: np.ndarray, assigned: np.ndarray) -> dict[int, np.ndarray]:
    """Row numbers of each cluster, those nearest to its mean in `space` (n, d) first."""
    order = {}
    for cluster in np.unique(assigned).tolist():
        rows = np.flatnonzero(assigned == cluster)
        distance = np.linalg.norm(space[rows] - space[rows].mean(axis=0), axis=1)
        order[cluster] = rows[np.argsort(distance, kind="stable")]
    return order
