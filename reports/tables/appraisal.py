"""Tables of pricing single listings: errors and ranges by what is brought, and what is refused."""

from reports.tables.kept import Kept, averaged


def appraisal(kept: Kept) -> list[list[str]]:
    """Errors and coverage of prices from the door, by what a listing brings."""
    frame = kept.tables["appraisal"]
    columns = {
        "door_r2": ("R²", "{:.3f}"),
        "door_mae": ("MAE (USD)", "{:.2f}"),
        "door_mdape": ("median error", "{:.1%}"),
        "inside": ("inside the range", "{:.1%}"),
        "inside_hnm": ("H&M", "{:.1%}"),
        "inside_fashion": ("Fashion", "{:.1%}"),
        "width": ("median width (USD)", "{:.2f}"),
    }
    return averaged(frame, ["brings"], {k: v for k, v in columns.items() if k in frame})


def doubt(kept: Kept) -> list[list[str]]:
    """Listings and what is none: priced, priced with a doubt, refused."""
    columns = {
        "n": ("listings", "{:,.0f}"),
        "plain_share": ("priced", "{:.1%}"),
        "doubted_share": ("with a doubt", "{:.1%}"),
        "refused_share": ("refused", "{:.1%}"),
    }
    return averaged(kept.tables["doubt"], ["what"], columns)
