"""Tables of how well pictures and texts find each other."""

from reports.tables.kept import Kept, averaged, varying


def retrieval(kept: Kept) -> list[list[str]]:
    """Recall both ways, precision of type names and zero-shot category, per model and products."""
    columns = {
        "n_test": ("test rows", "{:,.0f}"),
        "among": ("among", "{:,.0f}"),
        "text_to_image@1": ("text to picture @1", "{:.3f}"),
        "text_to_image@10": ("@10", "{:.3f}"),
        "image_to_text@1": ("picture to text @1", "{:.3f}"),
        "image_to_text@10": ("@10", "{:.3f}"),
        "type_precision@1": ("sub-category P@1", "{:.3f}"),
        "zero_shot_category": ("zero-shot category", "{:.3f}"),
    }
    frame = kept.tables["retrieval"]
    return averaged(frame, ["products", "model", *varying(frame)], columns)
