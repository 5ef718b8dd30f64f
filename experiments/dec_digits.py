"""Deep embedded clustering on data whose answer is known: scikit-learn's 1,797 handwritten digits.

Agreement with the digit (accuracy of the best one-to-one match, NMI, ARI) of K-Means on the pixels,
K-Means on the autoencoder's codes, and DEC, which starts from these; per seed, all rows, no labels.

    python -m experiments.dec_digits --data-dir data/kaggle14k --seed 0 1 2 3 4 5 6 7 8 9

Writes results/dec_digits.csv; seeds that it holds are not computed again
"""

import hashlib
import time

import numpy as np
from sklearn.datasets import load_digits

from common import cli, metrics
from common.clusters import dec
from common.results import Results, leaderboard
from common.training import torch_device

KEY = ("method", "seed")
CLUSTERS = 10


def main() -> None:
    run = cli.run_config(cli.parse(cli.parser(__doc__)))
    pixels, digits = load_digits(return_X_y=True)
    pixels = pixels.astype(np.float32)
    inputs = {"digits": hashlib.sha256(pixels.tobytes()).hexdigest()}
    results = Results(run.paths.results("dec_digits"), run, inputs, KEY, dec.settings())
    every, device = np.arange(len(pixels)), torch_device(run.device)
    features = dec.scale(pixels, every)
    for seed in run.seed:
        if results.done(method="DEC", seed=seed):
            continue
        started = time.perf_counter()
        assigned = dec.kmeans(features, CLUSTERS, seed).labels_
        seconds = time.perf_counter() - started
        kmeans = ("K-Means", assigned, features, seconds)
        clusterings = [kmeans, *dec.cluster(features, every, CLUSTERS, seed, device)]
        for method, assigned, _, seconds in clusterings:
            scores = metrics.clustering(digits, assigned, pixels)
            row = {name: scores[name] for name in ("accuracy", "nmi", "ari", "smallest_cluster")}
            row |= {"n": len(pixels), "seconds": round(seconds, 2)}
            results.add(method=method, seed=seed, **row)
    columns = {name: (name, "{:.3f}") for name in ("accuracy", "nmi", "ari")}
    results.finish(leaderboard(results.frame, ["method"], columns, "nmi", baseline="K-Means"))


if __name__ == "__main__":
    cli.run(main)
