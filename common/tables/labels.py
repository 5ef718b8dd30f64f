"""Tables of classification and clustering."""

from common.tables.kept import Kept, averaged, mean, varying

EXPERIMENTS = ["mixed", "HNM->FASHION", "FASHION->HNM"]
TASKS = ("category", "gender", "usage", "usage_native")


def classification(kept: Kept) -> list[list[str]]:
    """Accuracy / macro F1 per experiment and model, a column per task."""
    frame = kept.tables["classification"]
    keys = ["experiment", "model", *varying(frame)]
    # Every stage writes the baseline row; one is enough.
    frame = frame.drop_duplicates([*keys, "task", "seed"])
    order = frame["experiment"].map(EXPERIMENTS.index).sort_values(kind="stable").index
    rows = [[*keys, *(f"{task}: accuracy / F1" for task in TASKS)]]
    for key, group in frame.loc[order].groupby(keys, sort=False):
        cells = []
        for task in TASKS:
            own = group[group["task"] == task]
            pair = [mean(own[name], "{:.3f}") for name in ("accuracy", "f1_macro")]
            cells.append(" / ".join(pair) if len(own) else "–")
        rows.append([*key, *cells])
    return rows


def clustering(kept: Kept) -> list[list[str]]:
    """Agreement with the category labels, and silhouette, per method and K."""
    columns = {
        "acc": ("accuracy", "{:.3f}"),
        "nmi": ("NMI", "{:.3f}"),
        "ari": ("ARI", "{:.3f}"),
        "nmi_type": ("NMI product type", "{:.3f}"),
        "silhouette": ("silhouette", "{:.3f}"),
        "smallest_cluster": ("smallest cluster", "{:.0f}"),
        "seconds": ("seconds", "{:.1f}"),
    }
    frame = kept.tables["clustering"]
    return averaged(frame, ["method", "k", *varying(frame)], columns)
