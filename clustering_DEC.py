"""Stage 2: clusters of products by K-Means, GMM, Agglomerative, AE+K-Means and DEC.

All methods start from one space: both embeddings, brought to equal variance, side by side, reduced
by PCA to 64 dimensions. PCA, methods and networks are fitted on the training side of the split;
every product is then given a cluster. Scores are those of the test side: agreement with the
category (acc after the best one-to-one match, nmi, ari) and with the source's finer product type
(nmi_type, ari_type), and the silhouette in the common space, the same for all. silhouette_own is
taken in the method's own space, where a deep method flatters itself. smallest_cluster (rows) and
entropy (1: all clusters of one size) count all products: a collapsed method shows there.

Reads   <data-dir>/dataset_with_llm.csv, img_emb.npy, wrd_emb.npy (made first where missing)
Writes  <data-dir>/clusters.csv: product_key and a column per method, of the first seed
        <data-dir>/results/clustering_DEC.csv, results/choice_of_k.csv (--k auto)
        <data-dir>/results/cluster_names.csv: of each cluster its name, size and commonest category
        <data-dir>/figures/clusters_*.png: maps with product pictures
        <data-dir>/figures/contact_sheet_*.png: a row of the most central pictures per cluster

    python clustering_DEC.py --data-dir data/sample               # sample catalogue
    python clustering_DEC.py --raw-dir PATH                       # the real downloads
    python clustering_DEC.py --raw-dir PATH --preset study        # with the study's CLIP
    python clustering_DEC.py --raw-dir PATH --k auto --seed 0 1 2 3 4

Reproduces the README's table of clusterings.
"""

import time

from common import cli, presets
from common.artifacts import StageError

TRIVIAL = ONE, RANDOM = "One cluster", "Random"
AE = "AE+K-Means"
STAGE = "clustering_DEC"
KEY = ("method", "k", "split", "text", "seed")
NAMES_KEY = (*KEY, "cluster")
MAP_ROWS = 3000  # t-SNE takes a quarter of a minute for as many


def arguments():
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
    return args


def main():
    args = arguments()

    from common import dataset
    from common.artifacts import is_current, record, write_csv
    from common.clusters import methods as clustering
    from common.results import Results

    # The common space, fitted on training rows.
    data = dataset.load(cli.run_config(args))
    train, _, test = dataset.sides(data.table)
    space = clustering.common_space(data.image, data.text, train, seed=0)
    k = number_of_clusters(args, data, space[train])
    if k >= len(train):
        raise StageError(f"{k} clusters of {len(train)} training products: give a smaller --k")

    methods = [*clustering.SHALLOW, AE, "IDEC" if args.idec else "DEC"]
    results = Results(args.paths.results(STAGE), args, data.inputs, KEY)
    said = {"k": k, "split": args.split, "text": data.text_setting}
    settings = {**said, "preset": args.preset, "limit": args.limit, "seed": args.seed[0]}
    settings["methods"] = methods
    kept = not args.force and is_current(args.paths.clusters, data.inputs, settings)

    # What the table lacks, and of the first seed what clusters.csv lacks.
    columns, started = {}, time.perf_counter()
    for seed in args.seed:
        keep = seed == args.seed[0] and not kept
        wanted = [
            method
            for method in (*TRIVIAL, *methods)
            if keep or not results.done(method=method, **said, seed=seed)
        ]
        for run in (trivial, shallow, deep):
            for method, assigned, own, seconds in run(args, wanted, space, train, k, seed):
                scores = score(data.table, assigned, space, own, test, k)
                results.add(method=method, **said, seed=seed, **scores, seconds=round(seconds, 2))
                columns |= {method: assigned} if keep else {}
    if not kept:
        table = data.table[["product_key"]].assign(**{name: columns[name] for name in methods})
        write_csv(table, args.paths.clusters)
        seconds = time.perf_counter() - started
        record(args.paths.clusters, args, data.inputs, seconds, settings)
        chosen = {name: columns[name] for name in methods}
        named = name_clusters(args, data, chosen, said)
        draw_sheets(args, data, space, chosen, named)
        draw_maps(
            args, data, space, {name: chosen[name] for name in ("K-Means", methods[-1])}, named
        )
    results.finish()


# Each of these yields (method, cluster of each row, its own space, seconds) for those wanted.


def trivial(args, wanted, space, train, k, seed):
    import numpy as np

    if ONE in wanted:
        yield ONE, np.zeros(len(space), dtype=np.int64), space, 0.0
    if RANDOM in wanted:
        yield RANDOM, np.random.default_rng(seed).integers(k, size=len(space)), space, 0.0


def shallow(args, wanted, space, train, k, seed):
    from common.clusters import methods as clustering

    for method, cluster in clustering.SHALLOW.items():
        if method in wanted:
            started = time.perf_counter()
            assigned = cluster(space, train, k, seed)
            yield method, assigned, space, time.perf_counter() - started


def deep(args, wanted, space, train, k, seed):
    """DEC starts from AE+K-Means: one pretraining serves both, and counts in both their times."""
    refined = "IDEC" if args.idec else "DEC"
    if not {AE, refined} & set(wanted):
        return
    from common import training
    from common.clusters import dec

    device = training.torch_device(args.device)
    started = time.perf_counter()
    features = dec.scaled(space, train)
    autoencoder = dec.pretrain(features[train], seed, device, "autoencoder")
    codes = dec.encode(autoencoder.encoder, features, device)
    start = dec.kmeans(codes[train], k, seed)
    if AE in wanted:
        yield AE, start.predict(codes), codes, time.perf_counter() - started
    if refined in wanted:
        found = dec.refine(autoencoder, features[train], start, seed, device, args.idec, refined)
        print(f"{refined}, seed {seed}: {found}", flush=True)
        assigned = dec.assign(found, features, device)
        codes = dec.encode(found.encoder, features, device)
        yield refined, assigned, codes, time.perf_counter() - started


def number_of_clusters(args, data, training_space) -> int:
    if args.k != "auto":
        return int(args.k)
    from common.artifacts import record, write_csv
    from common.clusters import methods as clustering

    choice = clustering.choose_k(training_space, args.seed[0], "choice of K")
    path = args.paths.results("choice_of_k")
    write_csv(choice.table, path)
    record(path, args, data.inputs, votes=choice.votes, k=choice.k)
    said = ", ".join(f"{name} {vote}" for name, vote in choice.votes.items())
    print(f"K: {said}; taken: {choice.k} (curves in {path})", flush=True)
    return choice.k


def score(table, assigned, space, own, test, k) -> dict:
    """Metrics of the test rows; sizes and entropy of all rows."""
    import numpy as np

    from common import metrics
    from common.clusters import methods as clustering

    sizes = np.bincount(assigned, minlength=k)
    by_type = metrics.clustering(table["product_type"].iloc[test], assigned[test], space[test])
    flattering = metrics.clustering(table["product_type"].iloc[test], assigned[test], own[test])
    return {
        **metrics.clustering(table["normalized_category"].iloc[test], assigned[test], space[test]),
        "smallest_cluster": int(sizes.min()),
        "nmi_type": by_type["nmi"],
        "ari_type": by_type["ari"],
        "silhouette_own": flattering["silhouette"],
        "entropy": clustering.entropy(assigned, k),
        "n_train": int((table["split"] == "train").sum()),
        "n_test": len(test),
    }


def name_clusters(args, data, columns, said) -> dict[str, dict[int, str]]:
    """Writes the table of cluster names; returns {method: {cluster: name}}."""
    from common.clusters import methods as clustering
    from common.results import Results

    results = Results(args.paths.results("cluster_names"), args, data.inputs, NAMES_KEY)
    named = {}
    for method, assigned in columns.items():
        named[method] = clustering.names(data.table, assigned)
        for cluster, name in named[method].items():
            own = data.table["normalized_category"][assigned == cluster]
            results.add(
                method=method,
                **said,
                seed=args.seed[0],
                cluster=cluster,
                cluster_name=name,
                products=len(own),
                category_share=float(own.value_counts(normalize=True).iloc[0]),
            )
    return named


def draw_sheets(args, data, space, columns, named) -> None:
    """A page per method: each cluster's name, size and most central pictures."""
    from common.clusters import figures as cluster_figures
    from common.clusters import methods as clustering

    for method, assigned in columns.items():
        clusters = {
            f"{cluster}: {named[method][cluster]}\n{len(rows):,} products": (
                args.paths.raw / path for path in data.table["image_path"].iloc[rows]
            )
            for cluster, rows in clustering.central(space, assigned).items()
        }
        path = args.paths.figure(f"contact_sheet_{figure_name(method)}")
        title = f"{method}: the most central products of each cluster"
        cluster_figures.contact_sheet(clusters, path, title)
        print(f"contact sheet in {path}", flush=True)


def draw_maps(args, data, space, columns, named) -> None:
    """A t-SNE map of a sample of products, coloured by each of `columns`."""
    import numpy as np
    from sklearn.manifold import TSNE

    from common.clusters import figures as cluster_figures

    rows = np.arange(len(space))
    if len(rows) > MAP_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MAP_ROWS, replace=False))
    xy = TSNE(perplexity=min(30, len(rows) // 4), init="pca", random_state=0).fit_transform(
        space[rows]
    )
    pictures = [args.paths.raw / path for path in data.table["image_path"].iloc[rows]]
    for method, assigned in columns.items():
        path = cluster_figures.cluster_map(
            xy,
            assigned[rows],
            pictures,
            args.paths.figure(f"clusters_{figure_name(method)}"),
            f"{method}: {len(rows):,} products on a t-SNE map",
            named[method],
        )
        print(f"map in {path}", flush=True)


def figure_name(method: str) -> str:
    return method.lower().replace("-", "_").replace("+", "_")


if __name__ == "__main__":
    cli.run(main)
