"""Tables of stage 1: what became of every raw row, who read which attribute, and how well."""

from reports.tables.kept import Kept, averaged

READERS = ["rules", "llm", "nobody"]
DETAILS = 4  # labels named in a line of the merge's account; the CSV has all


def summary(kept: Kept) -> list[list[str]]:
    """Raw rows and distinct texts of each source, and what became of them."""
    frame = kept.tables["summary"].fillna("")
    rows = [["source", "table", "outcome", "rows", "detail"]]
    for one in frame[frame["table"] != "llm"].itertuples():
        told = str(one.detail).split(", ")
        detail = ", ".join(told[:DETAILS]) + (", ..." if len(told) > DETAILS else "")
        rows.append([one.source, one.table, one.outcome, f"{one.rows:,}", detail])
    return rows


def attributes(kept: Kept) -> list[list[str]]:
    """Products of each source by who read an attribute out of the text."""
    frame = kept.tables["summary"]
    frame = frame[frame["table"] == "llm"]
    frame = frame.join(frame["outcome"].str.extract(r"^(?P<attribute>\w+) by (?P<reader>\w+)$"))
    counts = frame.pivot_table("rows", ["source", "attribute"], "reader", "sum", 0, sort=False)
    rows = [["source", "attribute", *(f"by {reader}" for reader in READERS)]]
    for key, line in counts.reindex(columns=READERS, fill_value=0).iterrows():
        rows.append([*key, *(f"{count:,.0f}" for count in line)])
    return rows


def extraction(kept: Kept) -> list[list[str]]:
    """The five counts and scores of each reader per attribute; the baseline is the word search."""
    counts = ("correct", "wrong", "invented", "missed", "rightly_empty", "unlisted")
    shares = {"before": "listed", "after": "listed or read"}
    columns = {"n_test": ("test rows", "{:,.0f}")}
    columns |= {name: (name.replace("_", " "), "{:,.0f}") for name in counts}
    columns |= {name: (name, "{:.3f}") for name in ("precision", "recall", "f1")}
    columns |= {f"macro_{name}": (f"macro {name}", "{:.3f}") for name in ("precision", "recall")}
    columns |= {"macro_f1": ("macro f1", "{:.3f}"), "agreement": ("agreement", "{:.3f}")}
    columns |= {name: (title, "{:.1%}") for name, title in shares.items()}
    return averaged(kept.tables["extraction"], ["source", "attribute", "reader"], columns)


def completion(kept: Kept) -> list[list[str]]:
    """Accuracy of what is inferred, beside always answering the commonest value."""
    columns = {
        "n_train": ("training rows", "{:,.0f}"),
        "n_test": ("test rows", "{:,.0f}"),
        "values": ("values", "{:.0f}"),
        "majority_accuracy": ("majority", "{:.3f}"),
        "accuracy": ("accuracy", "{:.3f}"),
        "ece": ("calibration error", "{:.3f}"),
    }
    return averaged(kept.tables["completion"], ["attribute"], columns)


def reading_cost(kept: Kept) -> list[list[str]]:
    """What so many descriptions would take on stated rates; tokens are of one question."""
    columns = {
        "asked": ("asked", "{:,.0f}"),
        "prompt_tokens": ("tokens asked", "{:.0f}"),
        "shared_tokens": ("of these shared", "{:.0f}"),
        "reply_tokens": ("tokens answered", "{:.0f}"),
        "prompt_rate": ("read per second", "{:,.0f}"),
        "reply_rate": ("written per second", "{:,.0f}"),
        "gpu_hours": ("hours, one GPU", "{:,.1f}"),
        "fleet_hours": ("hours, eight machines", "{:,.1f}"),
    }
    return averaged(kept.tables["reading_cost"], ["ask", "descriptions"], columns)
