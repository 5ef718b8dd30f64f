"""Stage 2: clusters of products by K-Means, GMM, Agglomerative, AE+K-Means and DEC.

All methods start from one space: both embeddings, brought to equal variance, side by side, reduced
by PCA to 64 dimensions. PCA, methods and networks are fitted on the training side of the split;
every product is then given a cluster. Scores are those of the test side: agreement with the
category (accuracy after the best one-to-one match, nmi, ari) and with the source's finer product
type (nmi_type, ari_type), and the silhouette in the common space, the same for all. silhouette_own
is taken in the method's own space, where a deep method flatters itself. smallest_cluster (rows) and
entropy (1: all clusters of one size) count all products: a collapsed method shows there.

Reads   <data-dir>/dataset_with_llm.csv, img_emb.npy, wrd_emb.npy (made first where missing)
Writes  <data-dir>/clusters.csv: product_key and a column per method, of the first seed
        <data-dir>/results/clustering_DEC.csv, results/choice_of_k.csv (--k auto)
        <data-dir>/results/cluster_names.csv: of each cluster its name, size and commonest category
        <data-dir>/figures/clustering_DEC/: clusters_*.png, maps with product pictures, and
        contact_sheet_*.png, the most central pictures of each cluster

    python clustering_DEC.py --data-dir data/sample               # sample catalogue
    python clustering_DEC.py --raw-dir PATH                       # the real downloads
    python clustering_DEC.py --raw-dir PATH --preset study        # with the study's CLIP
    python clustering_DEC.py --raw-dir PATH --k auto --seed 0 1 2 3 4
"""

import time

from common import cli, presets
from common.artifacts import StageError, is_current, record, write_csv
from common.results import Results, leaderboard

STAGE = "clustering_DEC"
KEY = ("method", "k", "split", "text", "seed")


def main():
    parser = cli.parser(__doc__)
    presets.add_arguments(parser, "clip")
    group = parser.add_argument_group("clustering")
    group.add_argument(
        "--k",
        default="11",
        help="number of clusters (11, as many as categories); auto: by elbow, silhouette and gap",
    )
    group.add_argument(
        "--idec", action="store_true", help="DEC keeps the autoencoder's reconstruction loss (IDEC)"
    )
    args = cli.parse(parser)
    if args.k != "auto" and not (args.k.isdecimal() and int(args.k) > 1):
        parser.error(f"--k {args.k}: give a whole number above 1, or auto")
    run = cli.run_config(args)

    from common import dataset
    from common.clusters import dec, methods
    from common.training import torch_device
    from reports import cluster_figures

    data = dataset.load(run)
    train, *_ = dataset.sides(data.table)
    space = methods.common_space(data.image, data.text, train, seed=0)
    if args.k == "auto":
        curves, votes, k = methods.choose_k(space[train], run.seed[0])
        path = run.paths.results("choice_of_k")
        write_csv(curves, path)
        record(path, run, data.inputs, votes=votes, k=k)
        print(f"K by {', '.join(f'{name} {vote}' for name, vote in votes.items())}: {k}", end=" ")
        print(f"(curves in {path})", flush=True)
    else:
        k = int(args.k)
    if k >= len(train):
        raise StageError(f"{k} clusters of {len(train)} training products: give a smaller --k")

    # Rows that the table lacks, and of the first seed columns that clusters.csv lacks.
    names = [*methods.SHALLOW, dec.AE, dec.IDEC if args.idec else dec.DEC]
    results = Results(run.paths.results(STAGE), run, data.inputs, KEY)
    base = {"k": k, "split": run.split, "text": data.text_setting}
    settings = {**base, "preset": run.preset, "limit": run.limit, "seed": run.seed[0]}
    settings["methods"] = names
    stale = run.force or not is_current(run.paths.clusters, data.inputs, settings)
    clusters, started = {}, time.perf_counter()
    for seed in run.seed:
        first = stale and seed == run.seed[0]
        missing = [
            name
            for name in (*methods.BASELINES, *names)
            if first or not results.done(method=name, **base, seed=seed)
        ]
        for result in methods.run_methods(missing, space, train, k, seed, torch_device(run.device)):
            scores = methods.score(data.table, result, space, k)
            seconds = round(result.seconds, 2)
            results.add(method=result.method, **base, seed=seed, **scores, seconds=seconds)
            if first and result.method in names:
                clusters[result.method] = result.assigned
    if stale:
        write_csv(data.table[["product_key"]].assign(**clusters), run.paths.clusters)
        seconds = time.perf_counter() - started
        record(run.paths.clusters, run, data.inputs, seconds, settings)
        path, cluster_key = run.paths.results("cluster_names"), (*KEY, "cluster")
        descriptions = Results(path, run, data.inputs, cluster_key)
        for method, assigned in clusters.items():
            for row in methods.describe(data.table, assigned):
                descriptions.add(method=method, **base, seed=run.seed[0], **row)
        drawn = names if run.all_figures else (names[0], names[-1])
        cluster_figures.draw(
            run, STAGE, data.table, space, {name: clusters[name] for name in drawn}
        )

    frame = results.frame
    frame = frame[(frame[list(base)] == list(base.values())).all(axis=1)]
    columns = {name: (name, "{:.3f}") for name in ("accuracy", "nmi", "ari", "silhouette")}
    results.finish(leaderboard(frame, ["method"], columns, "nmi", baseline="Random"))


if __name__ == "__main__":
    cli.run(main)
