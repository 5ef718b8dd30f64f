import math

import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge as KernelRegressor
from torch import nn

from common import kernel_ridge
from common.kernel_ridge import RIDGE, KernelRidge
from common.labels.networks import CNN, ClipFusion

CLASSES = {"category": 11, "gender": 5, "usage": 8}
NAN = float("nan")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def shapes(outputs):
    return {task: tuple(logits.shape) for task, logits in outputs.items()}


def test_cnn_takes_features_or_with_a_backbone_images():
    wanted = {"category": (4, 11), "gender": (4, 5), "usage": (4, 8)}
    assert shapes(CNN(20, CLASSES)(torch.randn(4, 20))) == wanted
    backbone = nn.Sequential(nn.Conv2d(3, 20, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = CNN(20, CLASSES, backbone=backbone)
    assert shapes(network(torch.randn(4, 3, 16, 12))) == wanted
    sum(logits.sum() for logits in network(torch.randn(4, 3, 16, 12)).values()).backward()
    assert backbone[0].weight.grad.abs().sum() > 0


def test_multimodal_cnn_reads_the_image_and_the_text():
    network = CNN(20, CLASSES, text_dim=12).eval()
    image, text = torch.randn(4, 20), torch.randn(4, 12)
    plain = network(image, text)["gender"]
    assert plain.shape == (4, 5)
    assert not torch.allclose(plain, network(torch.randn(4, 20), text)["gender"])
    assert not torch.allclose(plain, network(image, torch.randn(4, 12))["gender"])


@pytest.mark.parametrize(
    "network",
    [CNN(20, CLASSES), CNN(20, CLASSES, text_dim=12), ClipFusion(20, 12, CLASSES)],
    ids=("CNN", "multimodal CNN", "CLIP Fusion"),
)
def test_arguments_rebuild_the_network(network):
    rebuilt = type(network)(**network.arguments)
    rebuilt.load_state_dict(network.state_dict())
    inputs = [torch.randn(3, 20), torch.randn(3, 12)][
        : 1 if network.arguments.get("text_dim") == 0 else 2
    ]
    for task, logits in network.eval()(*inputs).items():
        assert torch.equal(logits, rebuilt.eval()(*inputs)[task])


def test_fusion_does_not_mind_the_scale_of_the_embeddings():
    network = ClipFusion(20, 12, CLASSES).eval()
    image, text = torch.randn(4, 20), torch.randn(4, 12)
    for task, logits in network(image, text).items():
        assert torch.allclose(logits, network(50 * image, 0.5 * text)[task], atol=1e-3)


def test_fusion_answers_without_text_or_photo_row_by_row():
    network = ClipFusion(20, 12, CLASSES).eval()
    image, text = torch.randn(3, 20), torch.randn(3, 12)
    image[1], text[2] = NAN, NAN
    some = network(image, text)["category"]
    assert some.isfinite().all()
    whole = network(image[:1], text[:1])["category"]
    assert torch.allclose(some[:1], whole, atol=1e-6)
    # What is missing says nothing, whatever the row's place in the batch.
    alone = network(torch.full((1, 20), NAN), text[1:2])["category"]
    assert torch.allclose(some[1:2], alone, atol=1e-6)


def test_missing_pieces_leave_finite_gradients_and_train_their_token():
    network = ClipFusion(20, 12, CLASSES, modality_dropout=0.0)
    network.no_text.data.normal_()
    outputs = network(torch.randn(4, 20), torch.full((4, 12), NAN))
    sum(logits.square().sum() for logits in outputs.values()).backward()
    gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    assert gradients["no_text"].abs().sum() > 0
    assert gradients["no_image"].abs().sum() == 0


def test_modality_dropout_drops_each_at_its_rate_and_never_both():
    network = ClipFusion(8, 8, CLASSES, dropout=0.0, modality_dropout=0.25)
    seen = []
    network.mlp.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    rows = 4000
    network.train()(torch.randn(rows, 8), torch.randn(rows, 8))
    image, text = (part.abs().sum(dim=1) == 0 for part in seen[0].split(8, dim=1))
    tolerance = 4 * math.sqrt(0.25 * 0.75 / rows)
    assert image.float().mean().item() == pytest.approx(0.25, abs=tolerance)
    assert text.float().mean().item() == pytest.approx(0.25, abs=tolerance)
    assert not (image & text).any()
    network.eval()(torch.randn(rows, 8), torch.randn(rows, 8))
    assert (seen[1].abs().sum(dim=1) > 0).all()


def test_kernel_machine_solves_each_member_on_its_own_rows_and_takes_a_missing_block():
    draw = np.random.default_rng(0)
    features = torch.from_numpy(draw.normal(size=(120, 5)).astype(np.float32)).half().float()
    targets = torch.stack([features[:, 0].sin(), features[:, 3]], dim=1)
    fold = torch.arange(120) % 3
    machine, in_sample = KernelRidge.fit(features, [3, 2], torch.ones(5), targets, fold, seed=0)
    assert in_sample.shape == (120, 3, 2)
    for member in range(3):
        own = fold != member
        known = KernelRegressor(kernel="rbf", gamma=1 / float(machine.bandwidth), alpha=RIDGE)
        known.fit(features[own].numpy(), targets[own].numpy())
        expected = known.predict(features.numpy())
        np.testing.assert_allclose(machine(features)[:, member].numpy(), expected, atol=2e-3)
        # Of rows that it has not learned from it says while fitting what it says later.
        np.testing.assert_allclose(
            in_sample[~own][:, member].numpy(), expected[~own.numpy()], atol=2e-3
        )
    without = features.clone()
    without[:, 3:] = torch.nan
    told = machine(without)[..., 0].mean(dim=1)
    assert torch.isfinite(told).all()
    assert np.corrcoef(told.numpy(), targets[:, 0].numpy())[0, 1] > 0.9


def test_components_keep_distances_and_a_missing_block():
    draw = np.random.default_rng(0)
    features = torch.from_numpy(draw.normal(size=(300, 6)).astype(np.float32))
    features[:, 4] = features[:, 5]
    reduce = kernel_ridge.PrincipalComponents([4, 1], most=3)
    (first, second) = reduce.fit(features.split(70), torch.ones(6))
    assert (len(first), len(second)) == (3, 1)
    made = reduce(features)
    assert made.shape == (300, 5)
    np.testing.assert_allclose(made[:, :4].square().mean(dim=0).numpy(), 1, atol=1e-4)
    assert torch.equal(made[:, -1], features[:, -1])
    features[7, :4] = torch.nan
    assert reduce(features)[7].isnan().tolist() == [True, True, True, False, False]
