"""Tables of stage 1: what became of every raw row, and who read which attribute."""

from common.tables.kept import Kept

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
