"""Tables of what differs between the sources, and of what makes one help with the other."""

from reports.tables.kept import Kept, averaged, mean, varying


def source_shift(kept: Kept) -> list[list[str]]:
    """A row per measure: each source, and the distance between them."""
    frame = kept.tables["source_shift"]
    columns = {
        "HNM": ("H&M", "{:.3g}"),
        "FASHION": ("Fashion", "{:.3g}"),
        "between": ("between", "{:.3g}"),
    }
    return averaged(frame, ["shift", "unit"], columns)


def across(kept: Kept) -> list[list[str]]:
    """Accuracy and the share of the gap closed per model and recipe, two columns an experiment."""
    frame = kept.tables["across"]
    keys = ["model", "recipe", *varying(frame)]
    places = list(dict.fromkeys(zip(frame["experiment"], frame["task"], strict=True)))
    rows = [[*keys, *(f"{task} {experiment}" for experiment, task in places)]]
    for key, group in frame.groupby(keys, sort=False):
        cells = []
        for experiment, task in places:
            own = group[(group["experiment"] == experiment) & (group["task"] == task)]
            accuracy, closed = mean(own["accuracy"], "{:.3f}"), own["gap_closed"].mean()
            told = len(own) and 0 != closed != 1
            cells.append(f"{accuracy} ({closed:.0%})" if told else accuracy)
        rows.append([*key, *cells])
    return rows
