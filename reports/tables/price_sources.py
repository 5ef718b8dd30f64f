"""Tables of what a price's accuracy comes from: leaks, targets, inputs, numbers, attributes."""

from reports.tables.kept import Kept, averaged, mean

MOST_VALUES = 5  # of a source and direction


def leak(kept: Kept) -> list[list[str]]:
    """R2 / median error with and without the study's two leaks, a column per model."""
    frame = kept.tables["leak"]
    columns = list(dict.fromkeys(zip(frame["reads_as"], frame["model"], strict=True)))
    rows = [["text", "split", *(f"{reads}: {model}" for reads, model in columns)]]
    for key, own in frame.groupby(["text", "split"], sort=False):
        cells = []
        for reads, model in columns:
            one = own[(own["reads_as"] == reads) & (own["model"] == model)]
            cells.append(" / ".join([mean(one["r2"], "{:.3f}"), mean(one["mdape"], "{:.1%}")]))
        rows.append([*key, *cells])
    return rows


def leak_audit(kept: Kept) -> list[list[str]]:
    """What the audit counts under each of the four conditions."""
    columns = {
        "rows": ("rows", "{:,.0f}"),
        "own_price": ("own price in text", "{:,.0f}"),
        "own_price_share_fashion": ("of Fashion", "{:.0%}"),
        "amount_of_money": ("another amount in text", "{:,.0f}"),
        "test_rows": ("test rows", "{:,.0f}"),
        "groups_across": ("products on two sides", "{:,.0f}"),
        "texts_across": ("whole texts on two sides", "{:,.0f}"),
        "near_photos": ("test photos with a near twin", "{:,.0f}"),
        "near_texts": ("test texts with a near twin", "{:,.0f}"),
        "near_both": ("with both", "{:,.0f}"),
    }
    return averaged(kept.tables["leak_audit"], ["text", "split"], columns)


def targets(kept: Kept) -> list[list[str]]:
    """What H&M's price can be made of, how clean it is, and how well it is learned."""
    columns = {
        "on_grid": ("ends in .99 EUR", "{:.0%}"),
        "colours_agree": ("colours agree", "{:.0%}"),
        "median_usd": ("median (USD)", "{:.2f}"),
        "r2": ("R²", "{:.3f}"),
        "r2_hnm": ("R² H&M", "{:.3f}"),
        "mae_hnm": ("MAE H&M (USD)", "{:.2f}"),
        "mdape_hnm": ("median error H&M", "{:.1%}"),
    }
    return averaged(kept.tables["targets"], ["statistic", "model"], columns)


def trees(kept: Kept) -> list[list[str]]:
    """The best trial of each library for each way to read the embeddings, on validation rows."""
    frame = kept.tables["tuning"]
    rows = [
        ["model", "reads", "trials", "R² validation", "MAE validation (USD)", "trees", "fit (s)"]
    ]
    for key, own in frame.groupby(["model", "reads"], sort=True):
        best = own.loc[own["value"].idxmin()]
        rows.append(
            [
                *key,
                str(len(own)),
                f"{best['validation_r2']:.3f}",
                f"{best['validation_mae']:.2f}",
                f"{best['rounds']:,.0f}",
                f"{best['fit_seconds']:.1f}",
            ]
        )
    return rows


def ablation(kept: Kept) -> list[list[str]]:
    """Our network on each kind of input alone, and on all but one."""
    return averaged(kept.tables["ablation"], ["given"], _scores())


def size_curve(kept: Kept) -> list[list[str]]:
    """Models by the number of products learned from."""
    frame = kept.tables["size_curve"]
    return averaged(frame, ["model", "learning_products"], _scores())


def effects(kept: Kept) -> list[list[str]]:
    """How strongly each attribute moves a price, and its values that raise and lower it most."""
    frame = kept.tables["effects"]
    rows = [["source", "attribute", "mean effect", "raises the price most", "lowers it most"]]
    strength = frame[frame["value"].isna() & (frame["attribute"] != "all")]
    strength = strength.sort_values(["source", "effect"], ascending=[False, False])
    for one in strength.itertuples():
        own = frame[(frame["source"] == one.source) & (frame["attribute"] == one.attribute)]
        own = own[own["value"].notna() & (own["value"] != "other")].sort_values("effect")
        up = own[own["effect"] > 0].tail(MOST_VALUES).iloc[::-1]
        down = own[own["effect"] < 0].head(MOST_VALUES)
        rows.append([one.source, one.attribute, f"{one.effect:.1%}", _values(up), _values(down)])
    return rows


def _values(frame) -> str:
    return ", ".join(f"{one.value} {one.effect:+.0%}" for one in frame.itertuples()) or "–"


def _scores() -> dict[str, tuple[str, str]]:
    return {
        "r2": ("R²", "{:.3f}"),
        "r2_hnm": ("R² H&M", "{:.3f}"),
        "r2_fashion": ("R² Fashion", "{:.3f}"),
        "mae": ("MAE (USD)", "{:.2f}"),
        "mdape": ("median error", "{:.1%}"),
    }
