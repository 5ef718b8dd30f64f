"""EfficientNet-Lite0 as an OpenVINO graph: what torch computes on a CPU, in a quarter of the time.

Tan and Le, "EfficientNet", ICML 2019, without squeeze-and-excite, with ReLU6. The graph is built
from timm's weights, batch norms folded into the convolutions, and computes in float32 on every
CPU, so that pictures have the same embeddings everywhere. :mod:`common.towers` embeds tables with
it where there is no GPU, :mod:`common.lite` single listings.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import openvino
from openvino import opset16 as ops

from common.images import Pixels

# Of each stage: the stride of its first block, whether its blocks widen inside, their number.
STAGES = (
    (1, False, 1),
    (2, True, 2),
    (2, True, 2),
    (2, True, 3),
    (1, True, 3),
    (2, True, 4),
    (1, True, 1),
)
BATCH_NORM_EPS = 1e-3
AT_ONCE = 8  # rows: their maps stay in the processor's cache

Weights = Mapping[str, np.ndarray]


class Network:
    """A compiled graph: an array (n, ...) -> float32 (n, d), AT_ONCE rows at a time."""

    def __init__(self, entry, node):
        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        self._run = openvino.Core().compile_model(openvino.Model([node], [entry]), "CPU", settings)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        parts = np.split(rows, range(AT_ONCE, len(rows), AT_ONCE))
        return np.concatenate([self._run(part)[0] for part in parts])


def beginning(weights: Weights, pixels: Pixels) -> Network:
    """Pixels, uint8 (n, 3, height, width) -> maps before the last stage, (n, channels * cells)."""
    entry, node = _pixels(weights, pixels)
    node = _stages(node, weights, range(len(STAGES) - 1))
    return Network(entry, ops.reshape(node, [0, -1], special_zero=True))


def end(weights: Weights, cells: Sequence[int]) -> Network:
    """Rows of :func:`beginning`, maps of that many cells (height, width) -> features (n, 1280)."""
    entry = ops.parameter([-1, -1], np.float32)
    maps = ops.reshape(entry, [0, -1, *cells], special_zero=True)
    return Network(entry, _pooled(_stages(maps, weights, [len(STAGES) - 1]), weights))


def whole(weights: Weights, pixels: Pixels) -> Network:
    """Pixels, uint8 (n, 3, height, width) -> features (n, 1280)."""
    entry, node = _pixels(weights, pixels)
    return Network(entry, _pooled(_stages(node, weights, range(len(STAGES))), weights))


def _pixels(weights: Weights, pixels: Pixels):
    entry = ops.parameter([-1, 3, pixels.height, pixels.width], np.uint8)
    mean, std = (np.asarray(one, np.float32)[None] * 255 for one in (pixels.mean, pixels.std))
    node = ops.divide(ops.subtract(ops.convert(entry, "f32"), mean), std)
    return entry, _relu6(_convolution(node, weights, "conv_stem", "bn1", 2))


def _stages(node, weights: Weights, stages: Sequence[int]):
    for stage in stages:
        stride, widens, count = STAGES[stage]
        for number in range(count):
            block = f"blocks.{stage}.{number}."
            node = _block(node, weights, block, 1 if number else stride, widens)
    return node


def _block(node, weights: Weights, block: str, stride: int, widens: bool):
    """Widen, convolve each channel, narrow; the input is added where the shapes agree."""
    entry, channels = node, node.get_output_partial_shape(0)[1]
    names = ("conv_pw", "conv_dw", "conv_pwl") if widens else ("conv_dw", "conv_pw")
    for number, name in enumerate(names, start=1):
        strides = stride if name == "conv_dw" else 1
        node = _convolution(node, weights, block + name, f"{block}bn{number}", strides)
        if name != names[-1]:
            node = _relu6(node)
    same = stride == 1 and node.get_output_partial_shape(0)[1] == channels
    return ops.add(node, entry) if same else node


def _pooled(node, weights: Weights):
    node = _relu6(_convolution(node, weights, "conv_head", "bn2"))
    return ops.reduce_mean(node, [2, 3])


def _convolution(node, weights: Weights, name: str, norm: str, stride: int = 1):
    """The convolution ``name``, padded as TensorFlow pads, with its batch norm folded in."""
    deviation = np.sqrt(weights[f"{norm}.running_var"] + BATCH_NORM_EPS)
    scale = weights[f"{norm}.weight"] / deviation
    kernel = weights[f"{name}.weight"] * scale[:, None, None, None]
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    depthwise = kernel.shape[1] == 1 and kernel.shape[2] > 1
    convolve = ops.group_convolution if depthwise else ops.convolution
    kernel = kernel[:, None] if depthwise else kernel
    none = [0, 0]
    made = convolve(node, kernel, [stride] * 2, none, none, [1, 1], auto_pad="same_upper")
    return ops.add(made, bias[None, :, None, None])


def _relu6(node):
    return ops.clamp(node, 0.0, 6.0)
