import math

import numpy as np
import pytest

from common import metrics


def test_classification_of_a_worked_example():
    # Class 0: 2 of 3 found, precision 1; class 1: 2 of 2 found, precision 2/3.
    scores = metrics.classification([0, 0, 0, 1, 1], [0, 0, 1, 1, 1])
    assert scores["accuracy"] == pytest.approx(0.8)
    assert scores["precision_macro"] == pytest.approx((1 + 2 / 3) / 2)
    assert scores["recall_macro"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores["f1_macro"] == pytest.approx(0.8)
    assert math.isnan(scores["ece"])


def test_no_class_named_is_wrong_but_not_a_class():
    scores = metrics.classification([0, 0, 1, 1], [0, -1, 1, -1])
    assert scores["accuracy"] == 0.5
    assert scores["precision_macro"] == 1.0  # a third class would pull this to 2/3
    assert scores["recall_macro"] == 0.5


def test_ece_is_the_gap_between_confidence_and_accuracy():
    y = np.array([0] * 7 + [1] * 3)
    assert metrics.expected_calibration_error(y, np.tile([0.7, 0.3], (10, 1))) == pytest.approx(0)
    assert metrics.expected_calibration_error(y, np.tile([0.9, 0.1], (10, 1))) == pytest.approx(0.2)
    assert metrics.expected_calibration_error(y, np.tile([1.0, 0.0], (10, 1))) == pytest.approx(0.3)


def test_regression_within_source_is_not_the_regression_over_both():
    true = np.array([10.0, 12.0, 14.0, 100.0, 110.0, 120.0])
    source = np.array(["HNM"] * 3 + ["FASHION"] * 3)
    by_source = np.array([12.0, 12.0, 12.0, 110.0, 110.0, 110.0])
    scores = metrics.regression(true, by_source, source)
    assert scores["r2"] > 0.98
    assert scores["r2_hnm"] == scores["r2_fashion"] == 0.0
    assert scores["mae"] == pytest.approx((2 + 2 + 10 + 10) / 6)
    assert scores["rmse"] == pytest.approx(math.sqrt((4 + 4 + 100 + 100) / 6))
    errors = [0.2, 0, 2 / 14, 0.1, 0, 10 / 120]
    assert scores["mdape"] == pytest.approx(np.median(errors))


def test_regression_of_negative_prices_and_of_one_source_stays_defined():
    scores = metrics.regression([10.0, 20.0], [-5.0, 20.0], ["HNM", "HNM"])
    assert math.isnan(scores["r2_fashion"])
    assert scores["rmsle"] == pytest.approx((math.log(11) - math.log(1.01)) / math.sqrt(2))
    assert math.isfinite(scores["r2_log"])


def test_clusters_that_are_the_classes_renamed_are_perfect():
    space = np.random.default_rng(0).normal(size=(60, 3)) + np.repeat(np.eye(3) * 20, 20, axis=0)
    labels = np.repeat(["Tops", "Shoes", "Dresses"], 20)
    assigned = np.repeat([2, 0, 1], 20)
    scores = metrics.clustering(labels, assigned, space)
    assert scores["accuracy"] == scores["nmi"] == scores["ari"] == 1.0
    assert scores["silhouette"] > 0.8
    assert scores["smallest_cluster"] == 20


def test_more_clusters_than_classes_match_one_each():
    labels, assigned = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 2, 2])
    scores = metrics.clustering(labels, assigned, np.arange(6.0)[:, None])
    assert scores["accuracy"] == pytest.approx(5 / 6)
    assert scores["smallest_cluster"] == 1


def test_a_collapsed_clustering_has_no_silhouette():
    scores = metrics.clustering([0, 1, 1], [0, 0, 0], np.arange(3.0)[:, None])
    assert math.isnan(scores["silhouette"])
    assert scores["ari"] == 0.0


def test_interval_counts_its_ends_as_inside():
    scores = metrics.interval([1, 2, 3, 4], [1, 0, 4, 0], [2, 2, 5, 1])
    assert scores == {"coverage": 0.5, "median_width": 1.0}


def test_what_can_be_labelled_automatically_is_settled_on_validation_rows():
    # The surer half of the validation rows is always right, the other half never.
    seen = np.array([0, 0, 1, 1])
    seen_proba = np.array([[0.95, 0.05], [0.9, 0.1], [0.6, 0.4], [0.7, 0.3]])
    true = np.array([0, 1, 1, 0])
    proba = np.array([[0.99, 0.01], [0.92, 0.08], [0.8, 0.2], [0.55, 0.45]])
    found = metrics.automatic(seen, seen_proba, true, proba)
    assert found == {"automatic_share": 0.5, "automatic_accuracy": 0.5}
    never = metrics.automatic(1 - seen[:2], seen_proba[:2], true, proba)
    assert never["automatic_share"] == 0 and np.isnan(never["automatic_accuracy"])


def test_scores_of_each_class_stand_with_its_support():
    first, second, third = metrics.by_class([0, 0, 1], [0, 1, -1], 3)
    assert first == {"support": 2, "precision": 1, "recall": 0.5, "f1": pytest.approx(2 / 3)}
    assert second["support"] == 1 and second["f1"] == 0 and third["support"] == 0
