"""``fashion-lite`` for answers that must not wait: it loads within a second.

The two towers and heads of the embedded CLIP (:mod:`common.alignment`) without open_clip, timm and
transformers, whose imports alone take longer than an answer may. The weights are the same file,
the arithmetic is the same, and so are the embeddings but for rounding; :mod:`common.embeddings`
stays the one way to embed a table, and a test holds this one to it.

Pictures pass through :mod:`common.efficientnet`, texts through MiniLM-L6 (Wang et al., "MiniLM",
NeurIPS 2020), a BERT of six layers, in plain torch.
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

from common import efficientnet
from common.artifacts import require
from common.images import Pixels, Squash, decode
from common.presets import OPEN_CLIP_WEIGHTS
from common.training import mixed_precision

LAYER_NORM_EPS = 1e-12
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
        trunk = _under(weights, "visual.trunk.")
        trunk = {name: value.numpy() for name, value in trunk.items()}
        self._image = efficientnet.whole(trunk, self.pixels)
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
        features = torch.from_numpy(self._image(torch.stack(list(cuts)).numpy()))
        return self._projected(features.to(self.device), self._image_head)

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Texts -> float32 (n_texts, d), rows L2-normalised."""
        tokens = [self._tokenizer.encode(_clean(text)).ids for text in texts]
        features = torch.empty(len(tokens), self._text_head.shape[1], device=self.device)
        # Texts of one width share a batch: a padded token costs as much as any other.
        widths = np.array([-(-len(one) // WIDTH_STEP) * WIDTH_STEP for one in tokens])
        dtype = mixed_precision(self.device)
        for width in np.unique(widths):
            rows = np.flatnonzero(widths == width)
            padded = torch.full((len(rows), int(width)), PAD)
            for place, row in enumerate(rows):
                padded[place, : len(tokens[row])] = torch.tensor(tokens[row])
            with torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None):
                features[rows] = self._text(padded.to(self.device)).float()
        return self._projected(features, self._text_head)

    def _projected(self, features: Tensor, head: Tensor) -> np.ndarray:
        return functional.normalize(features @ head.T, dim=-1).cpu().numpy()


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
