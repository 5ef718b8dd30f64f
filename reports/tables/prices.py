"""Tables of the price stages."""

from reports.tables.kept import BASELINES, Kept, averaged, mean, varying

# The model that prices a listing.
MAIN = {"experiment": "metadata + embedding", "features": "listing", "model": "Price Ensemble"}


def price(kept: Kept) -> list[list[str]]:
    """Mean (and deviation over seeds) per experiment, feature set, model, split and text."""
    columns = {
        "r2": ("R²", "{:.3f}"),
        "r2_hnm": ("R² H&M", "{:.3f}"),
        "r2_fashion": ("R² Fashion", "{:.3f}"),
        "r2_log": ("R² log", "{:.3f}"),
        "mae": ("MAE (USD)", "{:.2f}"),
        "mdape": ("median error", "{:.1%}"),
        "fit_seconds": ("fit (s)", "{:.1f}"),
    }
    frame = kept.tables["price"]
    frame = frame.assign(order=frame["model"] != BASELINES["price"])
    frame = frame.sort_values(["experiment", "features", "order"], kind="stable")
    keys = ["experiment", "features", "model", *varying(frame)]
    rows = averaged(frame, keys, columns)
    if kept.ceiling:
        figures = [
            form.format(kept.ceiling[c]) if c in kept.ceiling else ""
            for c, (_, form) in columns.items()
        ]
        name = "Best reachable: the price formula without its noise"
        rows.append(["any", "any", name, *[""] * (len(keys) - 3), *figures])
    return rows


def ranges(kept: Kept) -> list[list[str]]:
    """Coverage and width of the 90 % ranges, beside an interval of one width for all prices."""
    frame = kept.tables["ranges"]
    keys = ["experiment", "features", "method"]
    rows = [
        [*keys, "coverage", "H&M", "Fashion", "least of ten price deciles", "median width (USD)"]
    ]
    for key, own in frame.groupby(keys, sort=False):
        # The least of means over seeds: the least of each seed would be a matter of luck.
        deciles = own[own["grouping"] == "price decile"].groupby("group")["coverage"].mean()
        one = {name: own[own["group"] == name] for name in ("all", "HNM", "FASHION")}
        covered = [mean(rows["coverage"], "{:.1%}") for rows in one.values()]
        width = mean(one["all"]["median_width"], "{:.2f}")
        rows.append([*key, *covered, f"{deciles.min():.1%}", width])
    return rows


def groups(kept: Kept) -> list[list[str]]:
    """Errors and coverage of the price model by source, gender, category and price decile."""
    frame = kept.tables["ranges"]
    frame = frame[(frame["experiment"] == MAIN["experiment"]) & (frame["method"] == MAIN["model"])]
    frame = frame[frame["features"] == MAIN["features"]]
    columns = {
        "n": ("test rows", "{:,.0f}"),
        "mae": ("MAE (USD)", "{:.2f}"),
        "mdape": ("median error", "{:.1%}"),
        "bias": ("mean error (USD)", "{:+.2f}"),
        "coverage": ("inside the range", "{:.1%}"),
        "median_width": ("median width (USD)", "{:.2f}"),
    }
    return averaged(frame, ["grouping", "group"], columns)


def above_ceiling(kept: Kept) -> list[str]:
    """Honest price rows that score better than the drawn catalogue's noise allows: a leak."""
    if not kept.ceiling or "price" not in kept.tables:
        return []
    frame = kept.tables["price"]
    beating = frame[(frame["r2"] > kept.ceiling["r2"]) & (frame["text"] == "clean")]
    return [
        f"{one.model} on {one.experiment} (R2 {one.r2:.3f})"
        for one in beating[beating["split"] == "grouped"].itertuples()
    ]
