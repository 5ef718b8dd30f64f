"""Results of a run -> the tables of the README, as rows of cells; the first row is the heading."""

from reports.tables.across import across, source_shift
from reports.tables.appraisal import appraisal, doubt
from reports.tables.kept import BASELINES, CEILING, MANIFEST, Kept, read
from reports.tables.labels import (
    classes,
    classification,
    cluster_names,
    clustering,
    confidence,
    digits,
    label_tuning,
    reading,
)
from reports.tables.price_sources import (
    ablation,
    effects,
    leak,
    leak_audit,
    size_curve,
    targets,
    trees,
)
from reports.tables.prices import above_ceiling, groups, price, ranges
from reports.tables.retrieval import retrieval
from reports.tables.texts import attributes, completion, extraction, reading_cost, summary
from reports.tables.whole_run import benches, cost, published

__all__ = ["BASELINES", "CEILING", "KIND_OF", "MANIFEST", "TABLES", "Kept", "above_ceiling", "read"]

TABLES = {
    each.__name__: each
    for each in (
        summary,
        attributes,
        extraction,
        completion,
        reading_cost,
        price,
        ranges,
        groups,
        appraisal,
        doubt,
        trees,
        leak,
        leak_audit,
        targets,
        ablation,
        size_curve,
        effects,
        retrieval,
        classification,
        classes,
        confidence,
        reading,
        label_tuning,
        source_shift,
        across,
        clustering,
        cluster_names,
        digits,
        cost,
        published,
        benches,
    )
}

# The kind of results (see kept.KINDS) that a table is made from, where it has another name.
KIND_OF = {
    "attributes": "summary",
    "groups": "ranges",
    "trees": "tuning",
    "confidence": "classification",
    "reading": "classification",
}
