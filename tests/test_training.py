import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from common import training
from common.artifacts import StageError
from common.training import (
    TensorBatches,
    TrainConfig,
    fit,
    load_state,
    predict,
    read_config,
    save_model,
)

CPU = torch.device("cpu")
CONFIG = TrainConfig(epochs=6, batch_size=32, lr=1e-2)


@pytest.fixture
def points():
    """201 points of three linearly separable classes."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(201, 8, generator=generator)
    return x, (x @ torch.randn(8, 3, generator=generator)).argmax(dim=1)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))


def train(points, config=CONFIG, model=None, **more):
    x, y = points
    model = model or network()
    batches = TensorBatches((x,), y, config.batch_size, shuffle=True, seed=0)
    validation = TensorBatches((x,), y, 100, shuffle=False, seed=0)
    torch.manual_seed(1)
    history = fit(model, batches, validation, nn.functional.cross_entropy, config, CPU, **more)
    return model, history


def weights(model):
    return torch.cat([t.flatten().float() for t in model.state_dict().values()])


def test_batches_hold_every_row_once_in_another_order_each_pass(points):
    x, y = points
    batches = TensorBatches((x,), {"class": y}, 64, shuffle=True, seed=3)
    passes = [torch.cat([inputs[0] for inputs, _ in batches]) for _ in range(2)]
    assert not torch.equal(passes[0], passes[1])
    for one in passes:
        assert torch.equal(one.sort(dim=0).values, x.sort(dim=0).values)
    again = TensorBatches((x,), {"class": y}, 64, shuffle=True, seed=3)
    assert torch.equal(torch.cat([inputs[0] for inputs, _ in again]), passes[0])
    for inputs, targets in batches:
        rows = [(x == row).all(dim=1).nonzero().item() for row in inputs[0]]
        assert torch.equal(targets["class"], y[rows])


def test_a_training_batch_never_holds_a_single_row(points):
    x, y = points
    sizes = [len(t) for _, t in TensorBatches((x,), y, 50, shuffle=True, seed=0)]
    assert sizes == [50, 50, 50, 51]
    sizes = [len(t) for _, t in TensorBatches((x,), y, 50, shuffle=False, seed=0)]
    assert sizes == [50, 50, 50, 50, 1]


def test_no_rows_is_one_clear_line():
    with pytest.raises(StageError, match="no rows"):
        TensorBatches((torch.zeros(0, 4),), None, 8, shuffle=False, seed=0)


@pytest.mark.parametrize("schedule", ["none", "plateau", "onecycle"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_fit_learns_and_predicts_in_order(points, schedule, optimizer):
    config = dataclasses.replace(
        CONFIG, epochs=15, schedule=schedule, optimizer=optimizer, grad_clip=1.0
    )
    model, history = train(points, config)
    x, y = points
    logits = predict(model, TensorBatches((x,), None, 64, shuffle=False, seed=0), CPU)
    assert logits.dtype == np.float32
    assert logits.shape == (201, 3)
    assert (logits.argmax(axis=1) == y.numpy()).mean() > 0.9
    assert history.epochs == len(history.train_loss) == len(history.val_loss) == 15
    assert history.val_loss[-1] < history.val_loss[0] / 2
    assert not model.training


def test_the_same_seed_gives_the_same_weights(points):
    assert torch.equal(weights(train(points)[0]), weights(train(points)[0]))


def test_the_best_epoch_is_restored_and_patience_stops(points):
    # A monitor that likes the second epoch most: training stops three later, with its weights.
    def monitor(outputs, targets, seen=[]):  # noqa: B006 - counts the calls
        assert len(outputs) == len(targets) == 201
        seen.append(0)
        return abs(len(seen) - 2)

    model, history = train(points, dataclasses.replace(CONFIG, patience=3), monitor=monitor)
    assert (history.epochs, history.best_epoch) == (5, 2)
    # Without validation the last epoch is kept, so that two epochs give just those weights.
    x, y = points
    two, batches = network(), TensorBatches((x,), y, CONFIG.batch_size, shuffle=True, seed=0)
    torch.manual_seed(1)
    config = dataclasses.replace(CONFIG, epochs=2)
    last = fit(two, batches, None, nn.functional.cross_entropy, config, CPU)
    assert (last.best_epoch, last.val_loss) == (2, [])
    assert torch.equal(weights(model), weights(two))


def test_losses_are_means_over_rows_not_over_batches(points):
    x, y = points
    frozen = dataclasses.replace(CONFIG, epochs=1, lr=0.0, batch_size=150)
    model = nn.Linear(8, 3)
    batches = TensorBatches((x,), y, 150, shuffle=False, seed=0)
    history = fit(model, batches, batches, nn.functional.cross_entropy, frozen, CPU)
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(x), y).item()
    assert history.val_loss == [pytest.approx(loss, rel=1e-5)]
    assert history.train_loss == [pytest.approx(loss, rel=0.02)]  # bfloat16 where the CPU has it


def test_divergence_is_one_clear_line(points):
    with pytest.raises(StageError, match="lower learning rate"):
        train(points, dataclasses.replace(CONFIG, lr=1e30))


def test_dictionaries_of_tasks_pass_through(points):
    x, y = points

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(8, 3), nn.Linear(8, 2)

        def forward(self, x):
            return {"one": self.one(x), "two": self.two(x)}

    def loss(outputs, targets):
        return sum(nn.functional.cross_entropy(outputs[task], targets[task]) for task in targets)

    batches = TensorBatches((x,), {"one": y, "two": y % 2}, 64, shuffle=True, seed=0)
    model = Two()
    fit(model, batches, batches, loss, CONFIG, CPU)
    logits = predict(model, TensorBatches((x,), None, 64, shuffle=False, seed=0), CPU)
    assert {task: z.shape for task, z in logits.items()} == {"one": (201, 3), "two": (201, 2)}


@pytest.mark.parametrize("schedule", ["plateau", "onecycle"])
def test_an_interrupted_run_goes_on_to_the_same_weights(points, tmp_path, schedule):
    config = dataclasses.replace(CONFIG, schedule=schedule)
    straight, history = train(points, config)

    class Killed(Exception):
        pass

    def stops_in_epoch_four(outputs, targets, seen=[]):  # noqa: B006 - counts the calls
        seen.append(0)
        if len(seen) == 4:
            raise Killed
        return nn.functional.cross_entropy(outputs, targets)

    checkpoint = tmp_path / "model.checkpoint.safetensors"
    with pytest.raises(Killed):
        train(points, config, monitor=stops_in_epoch_four, checkpoint=checkpoint)
    assert checkpoint.exists()
    resumed, again = train(points, config, checkpoint=checkpoint)
    assert torch.equal(weights(straight), weights(resumed))
    assert again.train_loss == history.train_loss
    assert not list(tmp_path.iterdir())  # nothing is left once training is done


def test_a_checkpoint_of_another_recipe_is_not_resumed(points, tmp_path):
    checkpoint = tmp_path / "model.checkpoint.safetensors"

    def stops(outputs, targets, seen=[]):  # noqa: B006 - counts the calls
        seen.append(0)
        if len(seen) == 2:
            raise InterruptedError
        return 0.0

    with pytest.raises(InterruptedError):
        train(points, monitor=stops, checkpoint=checkpoint)
    config = dataclasses.replace(CONFIG, lr=1e-3)
    resumed, _ = train(points, config, checkpoint=checkpoint)
    assert torch.equal(weights(resumed), weights(train(points, config)[0]))


def test_a_kept_model_comes_back_whole(points, tmp_path):
    model, _ = train(points)
    path = tmp_path / "models" / "kept.safetensors"
    save_model(model, path, {"hidden": 16})
    other = load_state(network(), path)
    assert torch.equal(weights(model), weights(other))
    assert read_config(path) == {"hidden": 16}
    assert sorted(one.name for one in path.parent.iterdir()) == ["kept.json", "kept.safetensors"]


def test_a_model_that_is_not_this_one_is_one_clear_line(points, tmp_path):
    path = tmp_path / "kept.safetensors"
    with pytest.raises(StageError, match="train it again"):
        load_state(network(), path)
    save_model(nn.Linear(8, 3), path, {})
    with pytest.raises(StageError, match="train it again"):
        load_state(network(), path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(StageError, match="train it again"):
        load_state(network(), path)
    with pytest.raises(StageError, match="train the model again"):
        read_config(tmp_path / "none.safetensors")


def test_float16_with_scaled_gradients_learns_and_overflow_costs_a_step_only(points, monkeypatch):
    """The way of a GPU without bfloat16, on the CPU."""
    scales = []
    scaler_of = torch.amp.GradScaler

    def scaler(*arguments, **more):
        scales.append(scaler_of(*arguments, init_scale=2.0**40, **more))
        return scales[0]

    monkeypatch.setattr(training, "mixed_precision", lambda device: torch.float16)
    monkeypatch.setattr(torch.amp, "GradScaler", scaler)
    config = dataclasses.replace(CONFIG, epochs=12)
    model, history = train(points, config)
    assert scales[0].is_enabled() and 1 < scales[0].get_scale() < 2.0**40
    assert all(torch.isfinite(weights).all() for weights in model.parameters())
    assert history.val_loss[-1] < 0.5 * history.val_loss[0]


def test_a_compiled_network_learns_the_same_weights(points, monkeypatch):
    compile_with = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model: compile_with(model, backend="eager"))
    config = dataclasses.replace(CONFIG, amp=False)
    plain, _ = train(points, config)
    compiled, _ = train(points, dataclasses.replace(config, compiled=True))
    assert type(compiled) is type(plain)
    for one, other in zip(plain.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_batches_for_a_gpu_are_pinned_and_copied_without_waiting(monkeypatch):
    moved = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: moved.append("pinned") or self)
    monkeypatch.setattr(
        torch.Tensor, "to", lambda self, device, non_blocking: moved.append(non_blocking) or self
    )
    x = torch.zeros(3, 2)
    training._to((x, x), torch.device("cuda"))
    assert moved == ["pinned", True, "pinned", True]
