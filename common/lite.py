"""``fashion-lite`` in plain torch, for answers that must not wait: it loads within a second.

The two towers and heads of the embedded CLIP (:mod:`common.alignment`) without open_clip, timm and
transformers, whose imports alone take longer than an answer may. The weights are the same file,
the arithmetic is the same, and so are the embeddings but for rounding; :mod:`common.embeddings`
stays the one way to embed a table, and a test holds this one to it.

EfficientNet-Lite0: Tan and Le, "EfficientNet", ICML 2019, without squeeze-and-excite, with ReLU6.
MiniLM-L6: Wang et al., "MiniLM", NeurIPS 2020, a BERT of six layers.
"""

import html
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from common.artifacts import require
from common.images import Pixels, Squash, decode
from common.presets import OPEN_CLIP_WEIGHTS
from common.training import mixed_precision

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
BATCH_NORM_EPS, LAYER_NORM_EPS = 1e-3, 1e-12
PAD, WIDTH_STEP = 0, 16  # token, and the step in which batches of texts grow wider
MADE_BY = "python clustering_DEC.py"


class Lite:
    """Pictures and texts -> embeddings, as :class:`common.embeddings.Encoder` makes them."""

    def __init__(self, folder: Path, device: torch.device):
        """Reads the open_clip folder that :func:`common.alignment.save` wrote."""
        import tokenizers
        from safetensors.torch import load_file

        weights = load_file(require(folder / OPEN_CLIP_WEIGHTS, MADE_BY))
        config = json.loads((folder / "open_clip_config.json").read_text("utf-8"))
        shape = json.loads((folder / "config.json").read_text("utf-8"))
        self.device = device
        seen = config["preprocess_cfg"]
        self.pixels = Pixels(Squash(seen["size"], seen["mean"], seen["std"]))
        self._image = _Image(_under(weights, "visual.trunk.")).to(device).eval()
        self._image.to(memory_format=torch.channels_last)
        self._text = _Text(_under(weights, "text.transformer."), shape).to(device).eval()
        self._image_head = weights["visual.head.proj.weight"].to(device)
        self._text_head = weights["text.proj.weight"].to(device)
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(config["model_cfg"]["text_cfg"]["context_length"])
        self._tokenizer.no_padding()

    def images(self, images: Sequence[str | Path | Image.Image]) -> np.ndarray:
        """Paths or PIL images -> float32 (n_images, d), rows L2-normalised.

        Raises :class:`common.images.BrokenImageError` with the reason.
        """
        return self.cuts([decode(image, self.pixels) for image in images])

    @torch.inference_mode()
    def cuts(self, cuts: Sequence[Tensor]) -> np.ndarray:
        """What :func:`common.images.decode` made -> float32 (n_images, d), L2-normalised."""
        with self._autocast():
            features = self._image(self.pixels.normalise(torch.stack(list(cuts)), self.device))
        return self._projected(features, self._image_head)

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Texts -> float32 (n_texts, d), rows L2-normalised."""
        tokens = [self._tokenizer.encode(_clean(text)).ids for text in texts]
        features = torch.empty(len(tokens), self._text_head.shape[1], device=self.device)
        # Texts of one width share a batch: a padded token costs as much as any other.
        widths = np.array([-(-len(one) // WIDTH_STEP) * WIDTH_STEP for one in tokens])
        for width in np.unique(widths):
            rows = np.flatnonzero(widths == width)
            padded = torch.full((len(rows), int(width)), PAD)
            for place, row in enumerate(rows):
                padded[place, : len(tokens[row])] = torch.tensor(tokens[row])
            with self._autocast():
                features[rows] = self._text(padded.to(self.device)).float()
        return self._projected(features, self._text_head)

    def _autocast(self):
        dtype = mixed_precision(self.device)
        return torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None)

    def _projected(self, features: Tensor, head: Tensor) -> np.ndarray:
        return functional.normalize(features.float() @ head.T, dim=-1).cpu().numpy()


def _under(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in weights.items()
        if name.startswith(prefix)
    }


def _clean(text: str) -> str:
    """What open_clip's tokenizer does to a text first."""
    import ftfy

    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())


# --- EfficientNet-Lite0 ------------------------------------------------------------------------


class _Image(nn.Module):
    """Pixels (n, 3, height, width), normalised -> pooled features (n, 1280).

    As in :mod:`common.towers`, batch norms are folded into the convolutions, and the stem and the
    first stage stay in float32.
    """

    def __init__(self, weights: dict[str, Tensor]):
        super().__init__()
        self.stem = _convolution(weights, "conv_stem", "bn1", stride=2)
        blocks = []
        for stage, (stride, widens, count) in enumerate(STAGES):
            for number in range(count):
                given = _under(weights, f"blocks.{stage}.{number}.")
                blocks.append(_Block(given, 1 if number else stride, widens))
        self.first, self.blocks = blocks[0], nn.Sequential(*blocks[1:])
        self.head = _convolution(weights, "conv_head", "bn2")

    def forward(self, pixels: Tensor) -> Tensor:
        with torch.autocast(pixels.device.type, enabled=False):
            features = self.first(functional.relu6(self.stem(pixels.float())))
        return functional.relu6(self.head(self.blocks(features))).mean((2, 3))


class _Block(nn.Module):
    """Widen, convolve each channel, narrow; the input is added where the shapes agree."""

    def __init__(self, weights: dict[str, Tensor], stride: int, widens: bool):
        super().__init__()
        names = ("conv_pw", "conv_dw", "conv_pwl") if widens else ("conv_dw", "conv_pw")
        layers = []
        for number, name in enumerate(names, start=1):
            one = _convolution(weights, name, f"bn{number}", stride if name == "conv_dw" else 1)
            layers += [one, nn.ReLU6(inplace=True)]
        self.layers = nn.Sequential(*layers[:-1])
        first, last = layers[0].convolution, layers[-2].convolution
        self.adds = stride == 1 and first.in_channels == last.out_channels

    def forward(self, features: Tensor) -> Tensor:
        made = self.layers(features)
        return made + features if self.adds else made


class _Convolution(nn.Module):
    """A convolution padded as TensorFlow pads: the odd pixel to the right and below."""

    def __init__(self, convolution: nn.Conv2d):
        super().__init__()
        self.convolution = convolution

    def forward(self, features: Tensor) -> Tensor:
        kernel, stride = self.convolution.kernel_size[0], self.convolution.stride[0]
        if stride > 1:
            # (left, right, top, bottom), from the last dimension on.
            sides = []
            for size in reversed(features.shape[2:]):
                short = max((-(-size // stride) - 1) * stride + kernel - size, 0)
                sides += [short // 2, short - short // 2]
            features = functional.pad(features, sides)
        return self.convolution(features)


def _convolution(weights: dict[str, Tensor], name: str, norm: str, stride: int = 1) -> _Convolution:
    """The convolution ``name`` with its batch norm folded in; it has no bias of its own."""
    weight = weights[f"{name}.weight"]
    scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + BATCH_NORM_EPS).sqrt()
    outputs, inputs, kernel, _ = weight.shape
    depthwise = inputs == 1 and kernel > 1 and outputs > 3
    made = nn.Conv2d(
        outputs if depthwise else inputs,
        outputs,
        kernel,
        stride,
        kernel // 2 if stride == 1 else 0,
        groups=outputs if depthwise else 1,
    )
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    made.load_state_dict({"weight": weight * scale[:, None, None, None], "bias": bias})
    return _Convolution(made)


# --- MiniLM-L6 ---------------------------------------------------------------------------------


class _Text(nn.Module):
    """Tokens (n, width) -> the mean of the last layer's states over the tokens (n, 384)."""

    def __init__(self, weights: dict[str, Tensor], shape: dict):
        super().__init__()
        given = _under(weights, "embeddings.")
        self.words = nn.Embedding.from_pretrained(given["word_embeddings.weight"])
        # Every token is of the first of the two sentences that BERT knows.
        places = given["position_embeddings.weight"] + given["token_type_embeddings.weight"][0]
        self.places = nn.Parameter(places, requires_grad=False)
        self.norm = _norm(given, "LayerNorm")
        self.layers = nn.Sequential(
            *(
                _Layer(_under(weights, f"encoder.layer.{number}."), shape["num_attention_heads"])
                for number in range(shape["num_hidden_layers"])
            )
        )

    def forward(self, tokens: Tensor) -> Tensor:
        states = self.norm(self.words(tokens) + self.places[: tokens.shape[1]])
        read = tokens != PAD
        for layer in self.layers:
            states = layer(states, read[:, None, None, :])
        weight = read[:, :, None].to(states.dtype)
        return (states * weight).sum(dim=1) / weight.sum(dim=1)


class _Layer(nn.Module):
    def __init__(self, weights: dict[str, Tensor], heads: int):
        super().__init__()
        self.heads = heads
        for name in ("query", "key", "value"):
            setattr(self, name, _linear(weights, f"attention.self.{name}"))
        self.out, self.out_norm = (
            _linear(weights, "attention.output.dense"),
            _norm(weights, "attention.output.LayerNorm"),
        )
        self.wide, self.narrow = (
            _linear(weights, "intermediate.dense"),
            _linear(weights, "output.dense"),
        )
        self.norm = _norm(weights, "output.LayerNorm")

    def forward(self, states: Tensor, read: Tensor) -> Tensor:
        def split(made: Tensor) -> Tensor:
            return made.unflatten(2, (self.heads, -1)).transpose(1, 2)

        parts = (split(layer(states)) for layer in (self.query, self.key, self.value))
        seen = functional.scaled_dot_product_attention(*parts, attn_mask=read)
        states = self.out_norm(states + self.out(seen.transpose(1, 2).flatten(2)))
        return self.norm(states + self.narrow(functional.gelu(self.wide(states))))


def _linear(weights: dict[str, Tensor], name: str) -> nn.Linear:
    made = nn.Linear(*reversed(weights[f"{name}.weight"].shape))
    made.load_state_dict(_under(weights, f"{name}."))
    return made


def _norm(weights: dict[str, Tensor], name: str) -> nn.LayerNorm:
    made = nn.LayerNorm(weights[f"{name}.weight"].shape, LAYER_NORM_EPS)
    made.load_state_dict(_under(weights, f"{name}."))
    return made
