"""Tables of the price stages."""

from common.tables.kept import BASELINES, Kept, averaged, varying


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
