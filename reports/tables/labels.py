"""Tables of classification and clustering."""

from common.labels.protocol import model_names
from reports.tables.kept import Kept, averaged, mean, varying

EXPERIMENTS = ["mixed", "HNM->FASHION", "FASHION->HNM"]
LABELLER = "CLIP Kernel Fusion"
NAMED = ("K-Means", "DEC", "IDEC")  # whose clusters a README has room for
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


def classes(kept: Kept) -> list[list[str]]:
    """The best labeller, class by class, with how many rows there are to learn and to test on."""
    columns = {
        "n_train": ("training rows", "{:,.0f}"),
        "support": ("test rows", "{:,.0f}"),
        "precision": ("precision", "{:.3f}"),
        "recall": ("recall", "{:.3f}"),
        "f1": ("F1", "{:.3f}"),
    }
    frame = kept.tables["classes"]
    frame = frame[frame["model"] == LABELLER]
    return averaged(frame, ["task", "class", *varying(frame)], columns)


def confidence(kept: Kept) -> list[list[str]]:
    """Calibration, and the share that is labelled automatically at 99 % accuracy (mixed)."""
    columns = {
        "ece": ("calibration error", "{:.3f}"),
        "automatic_share": ("labelled at 99 %", "{:.1%}"),
        "automatic_accuracy": ("accuracy of these", "{:.3f}"),
    }
    frame = kept.tables["classification"]
    frame = frame[(frame["experiment"] == "mixed") & frame["automatic_share"].notna()]
    return averaged(frame, ["task", "model", *varying(frame)], columns)


# What sees the picture alone; the published figure stands for the CNN.
IMAGE_ONLY = ("Majority", "CNN", "CLIP image only")
PUBLISHED_IMAGE_ONLY = 0.58


def reading(kept: Kept) -> list[list[str]]:
    """Usage by the picture alone, on native rows: the same weights read by sigmoid and argmax."""
    frame = kept.tables["classification"]
    frame = frame[(frame["experiment"] == "mixed") & (frame["task"] == "usage_native")]
    frame = frame.drop_duplicates(["model", "seed", *varying(frame)])
    columns = {"accuracy": ("accuracy", "{:.3f}"), "f1_macro": ("macro F1", "{:.3f}")}
    wanted = [name for one in IMAGE_ONLY for name in (one, *model_names(one, "study"))]
    place = {name: number for number, name in enumerate(wanted)}
    frame = frame[frame["model"].isin(wanted)].assign(place=frame["model"].map(place))
    keys = ["model", *varying(frame)]
    rows = averaged(frame.sort_values("place", kind="stable"), keys, columns)
    return [*rows, ["published", *[""] * (len(keys) - 1), f"{PUBLISHED_IMAGE_ONLY}", "–"]]


# Columns of a table of trials that are no setting.
FIGURES = ("value", "seconds", "fit_seconds", "best_epoch")


def label_tuning(kept: Kept) -> list[list[str]]:
    """Per model the settings in use (the first trial) and the best found, on validation rows."""
    frame = kept.tables["label_tuning"]
    rows = [["model", "trials", "trial", "log loss", "accuracy", "macro F1", "settings"]]
    for model, own in frame.groupby("model", sort=False):
        for one in (own.loc[own["trial"].idxmin()], own.loc[own["value"].idxmin()]):
            settings = one.drop([*("model", "trial"), *FIGURES], errors="ignore").dropna()
            settings = settings[~settings.index.str.startswith("validation_")]
            said = ", ".join(
                f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in settings.items()
            )
            figures = (one[f"validation_{name}"] for name in ("log_loss", "accuracy", "f1_macro"))
            number = f"{one['trial']}"
            rows.append([model, str(len(own)), number, *(f"{each:.3f}" for each in figures), said])
    return rows


def clustering(kept: Kept) -> list[list[str]]:
    """Agreement with the category labels, and silhouette, per method and K."""
    columns = {
        "acc": ("accuracy", "{:.3f}"),
        "nmi": ("NMI", "{:.3f}"),
        "ari": ("ARI", "{:.3f}"),
        "nmi_type": ("NMI product type", "{:.3f}"),
        "ari_type": ("ARI product type", "{:.3f}"),
        "silhouette": ("silhouette", "{:.3f}"),
        "silhouette_own": ("in its own space", "{:.3f}"),
        "entropy": ("entropy", "{:.2f}"),
        "smallest_cluster": ("smallest cluster", "{:.0f}"),
        "seconds": ("seconds", "{:.1f}"),
    }
    frame = kept.tables["clustering"]
    return averaged(frame, ["method", "k", *varying(frame)], columns)


def cluster_names(kept: Kept) -> list[list[str]]:
    """What the clusters of each method are: name, size, and how pure in category."""
    columns = {
        "products": ("products", "{:,.0f}"),
        "category_share": ("of the commonest category", "{:.0%}"),
    }
    frame = kept.tables["cluster_names"]
    frame = frame[frame["method"].isin(NAMED)]
    frame = frame.sort_values(["method", "products"], ascending=[False, False], kind="stable")
    frame = frame.rename(columns={"cluster_name": "name"})
    return averaged(frame, ["method", "cluster", "name", *varying(frame)], columns)


def digits(kept: Kept) -> list[list[str]]:
    """DEC on handwritten digits, beside what it starts from."""
    columns = {
        "digits_acc": ("accuracy", "{:.3f}"),
        "digits_nmi": ("NMI", "{:.3f}"),
        "digits_ari": ("ARI", "{:.3f}"),
        "smallest": ("smallest cluster", "{:.0f}"),
        "seconds": ("seconds", "{:.1f}"),
    }
    frame = kept.tables["digits"]
    frame = frame.rename(columns={"digits_method": "method"})
    return averaged(frame, ["method"], columns)
