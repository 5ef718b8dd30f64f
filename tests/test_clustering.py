"""Clusterings on data whose answer is known, and DEC on digits."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score

from common import metrics
from common.clusters import dec, methods

# Networks this small are faster on one core, and do not fight over the others.
torch.set_num_threads(1)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def blobs():
    """600 rows in four clear groups of eight dimensions, and the groups."""
    centres = 6 * np.eye(8)[:4]
    space, truth = make_blobs(600, centers=centres, cluster_std=0.7, random_state=0)
    return space.astype(np.float32), truth


@pytest.mark.parametrize("method", methods.SHALLOW)
def test_each_method_learns_from_training_rows_and_assigns_all(method, blobs):
    space, truth = blobs
    train = np.arange(300)
    assigned = methods.SHALLOW[method](space, train, 4, seed=0)
    assert assigned.shape == (600,)
    assert adjusted_rand_score(truth[300:], assigned[300:]) == 1
    elsewhere = space.copy()
    elsewhere[300:] += 100
    again = methods.SHALLOW[method](elsewhere, train, 4, seed=0)
    assert (again[:300] == assigned[:300]).all()


def test_agglomerative_on_many_rows_takes_a_sample_and_says_so(blobs, monkeypatch, caplog):
    space, truth = blobs
    monkeypatch.setattr(methods, "LARGEST_TREE", 100)
    assigned = methods.agglomerative(space, np.arange(400), 4, seed=3)
    assert "fitted on 100 of 400 rows" in caplog.text
    assert adjusted_rand_score(truth, assigned) == 1


def test_common_space_is_fitted_on_training_rows_and_weighs_both_modalities_alike():
    rng = np.random.default_rng(0)
    image, text = 0.01 * rng.normal(size=(200, 6)), 10 * rng.normal(size=(200, 6))
    train = np.arange(120)
    space = methods.common_space(image, text, train, seed=0)
    # All twelve directions are kept: a total variance of 1 from each modality.
    assert space.shape == (200, 12) and space.dtype == np.float32
    assert space[train].var(axis=0).sum() == pytest.approx(2, rel=1e-4)
    text[120:] = 1000
    assert methods.common_space(image, text, train, seed=0)[train] == pytest.approx(space[train])


def test_all_three_criteria_find_the_number_of_blobs(blobs, monkeypatch):
    monkeypatch.setattr(methods, "K_RANGE", range(2, 9))
    table, votes, k = methods.choose_k(blobs[0], seed=0)
    assert votes == {"elbow": 4, "silhouette": 4, "gap": 4} and k == 4
    assert table["k"].tolist() == list(range(2, 9))


def test_elbow_and_gap_on_worked_examples():
    assert methods.elbow([1, 2, 3, 4, 5], [100, 50, 10, 9, 8]) == 3
    assert methods.gap([1, 2, 3, 4], [0.1, 0.3, 0.8, 0.7], [0.05] * 4) == 3
    assert methods.gap([1, 2, 3], [0.1, 0.3, 0.8], [0.05] * 3) == 3  # rises to the end


def test_entropy_tells_even_sizes_from_one_cluster():
    assert methods.entropy(np.full(4, 10)) == pytest.approx(1)
    assert methods.entropy(np.array([40, 0, 0, 0])) == 0


def test_names_join_the_commonest_category_and_distinctive_words_but_no_brand():
    table = pd.DataFrame(
        {
            "title": ["Acme Blue Jeans", "Acme Blue Jeans", "Blue Boots", "42"],
            "brand": ["Acme", "Acme", "", ""],
            "normalized_category": ["Bottomwear", "Bottomwear", "Shoes", "Shoes"],
            "llm_material": ["denim", "denim", "leather", "leather"],
        }
    )
    names = methods.cluster_names(table, np.array([0, 0, 2, 2]))
    assert names == {0: "Bottomwear (denim, jeans)", 2: "Shoes (leather, boots)"}
    table = table.drop(columns="llm_material").assign(title="12")
    assert methods.cluster_names(table, np.array([0, 0, 2, 2])) == {0: "Bottomwear", 2: "Shoes"}


def test_central_rows_stand_first():
    space = np.array([[0.0], [10], [1], [11], [5], [12]])
    found = methods.central(space, np.array([0, 1, 0, 1, 0, 1]))
    assert {name: rows.tolist() for name, rows in found.items()} == {0: [2, 0, 4], 1: [3, 1, 5]}


def test_soft_assignment_and_target_follow_the_papers_equations():
    layer = dec.SoftAssignment(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    soft = layer(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])).detach()
    # Student's t: 1 / (1 + squared distance), normalised over the centres.
    weights = np.array([[1, 1 / 26], [1 / 26, 1], [1 / 2, 1 / 19]])
    expected = weights / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(soft.numpy(), expected, rtol=1e-5)

    sharpened = expected**2 / expected.sum(axis=0)
    sharpened /= sharpened.sum(axis=1, keepdims=True)
    target = dec.target_distribution(soft).numpy()
    np.testing.assert_allclose(target, sharpened, rtol=1e-5)
    assert (target.max(axis=1) > expected.max(axis=1)).all()


@pytest.fixture(scope="module")
def digits():
    """Scaled pixels of handwritten digits, the digits, and an autoencoder trained on them."""
    pixels, truth = load_digits(return_X_y=True)
    features = dec.scale(pixels, np.arange(len(pixels)))
    with pytest.MonkeyPatch.context() as patch:
        # A third of the training is enough for these.
        patch.setattr(dec, "LAYER_UPDATES", 100)
        patch.setattr(dec, "WHOLE_UPDATES", 600)
        return features, truth, dec.pretrain(features, seed=0, device=CPU)


def test_scaled_features_have_the_papers_length(digits):
    assert np.square(digits[0]).sum(axis=1).mean() == pytest.approx(digits[0].shape[1], rel=1e-4)


def test_dec_improves_on_its_start_and_on_kmeans(digits):
    features, truth, autoencoder = digits
    start = dec.kmeans(dec.encode(autoencoder.encoder, features, CPU), 10, seed=0)
    clusters, changed = dec.refine(autoencoder, features, start, seed=0, device=CPU)
    codes = dec.encode(autoencoder.encoder, features, CPU)
    assigned = dec.encode(clusters, codes, CPU).argmax(axis=1)
    scores = metrics.clustering(truth, assigned, features)
    begun = metrics.clustering(truth, start.labels_, features)
    plain = metrics.clustering(truth, dec.kmeans(features, 10, seed=0).labels_, features)
    assert len(np.unique(assigned)) == 10 and changed < dec.TOLERANCE
    assert scores["accuracy"] > begun["accuracy"]
    assert scores["nmi"] > max(begun["nmi"], plain["nmi"] + 0.03)
    assert scores["smallest_cluster"] > 50
