"""Deep embedded clustering on data whose answer is known: scikit-learn's 1,797 handwritten digits.

Agreement with the digit (accuracy of the best one-to-one match, NMI, ARI) of K-Means on the pixels,
K-Means on the autoencoder's codes, and DEC, which starts from these; per seed, all rows, no labels.

    python -m experiments.dec_digits --data-dir data/kaggle14k --seed 0 1 2 3 4 5 6 7 8 9

Writes <data-dir>/results/dec_digits.csv; seeds that it holds are not computed again
"""

import time

from common import cli
from common.training import torch_device

KEY = ("digits_method", "seed")
CLUSTERS = 10


def main() -> None:
    args = cli.parse(cli.parser(__doc__))

    import hashlib

    import numpy as np
    from sklearn.datasets import load_digits

    from common import metrics
    from common.clusters import dec
    from common.results import Results

    pixels, digits = load_digits(return_X_y=True)
    pixels = pixels.astype(np.float32)
    device = torch_device(args.device)
    settings = {
        "hidden": dec.HIDDEN,
        "code": dec.CODE,
        "corruption": dec.CORRUPTION,
        "layer_updates": dec.LAYER_UPDATES,
        "whole_updates": dec.WHOLE_UPDATES,
        "rate": dec.RATE,
        "tolerance": dec.TOLERANCE,
    }
    inputs = {"digits": hashlib.sha256(pixels.tobytes()).hexdigest()}
    results = Results(args.paths.results("dec_digits"), args, inputs, KEY, settings)
    every = np.arange(len(pixels))
    features = dec.scaled(pixels, every)
    for seed in args.seed:
        if results.done(digits_method="DEC", seed=seed):
            continue

        def add(method, assigned, started, seed=seed):
            scores = metrics.clustering(digits, assigned, pixels)
            results.add(
                digits_method=method,
                seed=seed,
                **{f"digits_{name}": scores[name] for name in ("acc", "nmi", "ari")},
                smallest=scores["smallest_cluster"],
                n=len(pixels),
                seconds=round(time.perf_counter() - started, 2),
            )

        started = time.perf_counter()
        add("K-Means", dec.kmeans(features, CLUSTERS, seed).labels_, started)
        started = time.perf_counter()
        autoencoder = dec.pretrain(features, seed, device, "autoencoder")
        start = dec.kmeans(dec.encode(autoencoder.encoder, features, device), CLUSTERS, seed)
        add("AE+K-Means", start.labels_, started)
        found = dec.refine(autoencoder, features, start, seed, device, progress="DEC")
        add("DEC", dec.assign(found, features, device), started)
    results.finish()


if __name__ == "__main__":
    cli.run(main)
