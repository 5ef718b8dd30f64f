"""PyTorch modules: what is trained here, apart from how (`common.training`).

Classifiers return {task: logits (n, n_classes)}; each keeps in `arguments` what rebuilds it.
"""

import itertools

import numpy as np
import torch
from torch import Tensor, nn


class TaskHeads(nn.ModuleDict):
    """One linear head per task on shared features (n, n_features)."""

    def __init__(self, n_features: int, classes: dict[str, int]):
        super().__init__({task: nn.Linear(n_features, count) for task, count in classes.items()})

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        return {task: head(features) for task, head in self.items()}


def _mlp(n_features: int, widths: tuple[int, ...], dropout: float) -> nn.Sequential:
    layers = []
    for width in widths:
        layers += [nn.Linear(n_features, width), nn.GELU(), nn.Dropout(dropout)]
        n_features = width
    return nn.Sequential(*layers)


class CNN(nn.Module):
    """Image classifier: convolutional backbone, one hidden layer, a head per task.

    Args:
        n_features: width of the backbone's pooled features.
        classes: {task: number of classes}.
        backbone: images (n, 3, h, w) -> features (n, n_features), trained along. None where it
            is frozen: the network then takes its features, which were computed once.
    """

    def __init__(
        self,
        n_features: int,
        classes: dict[str, int],
        backbone: nn.Module | None = None,
        hidden: int = 512,
        dropout: float = 0.3,
    ):
        super().__init__()
        self.arguments = {
            "n_features": n_features,
            "classes": classes,
            "hidden": hidden,
            "dropout": dropout,
        }
        self.backbone = backbone or nn.Identity()
        self.norm = nn.LayerNorm(n_features)
        self.mlp = _mlp(n_features, (hidden,), dropout)
        self.heads = TaskHeads(hidden, classes)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return self.heads(self.mlp(self.norm(self.backbone(image))))


class MultimodalCNN(nn.Module):
    """`CNN` whose image features are joined with the text embedding before the hidden layer."""

    def __init__(
        self,
        n_features: int,
        classes: dict[str, int],
        text_dim: int,
        backbone: nn.Module | None = None,
        hidden: int = 512,
        dropout: float = 0.3,
    ):
        super().__init__()
        self.arguments = {
            "n_features": n_features,
            "text_dim": text_dim,
            "classes": classes,
            "hidden": hidden,
            "dropout": dropout,
        }
        self.backbone = backbone or nn.Identity()
        self.image_norm, self.text_norm = nn.LayerNorm(n_features), nn.LayerNorm(text_dim)
        self.mlp = _mlp(n_features + text_dim, (hidden,), dropout)
        self.heads = TaskHeads(hidden, classes)

    def forward(self, image: Tensor, text: Tensor) -> dict[str, Tensor]:
        image = self.image_norm(self.backbone(image))
        return self.heads(self.mlp(torch.cat([image, self.text_norm(text)], dim=1)))


class ClipFusion(nn.Module):
    """CLIP Fusion: LayerNorm on image and text embedding, a fusion MLP, a head per task.

    A row of NaN stands for a photo or a text that is not there; a learned token takes its place.
    In training a modality of a row goes missing with probability `modality_dropout` (never
    both), so that a listing without text or without photo still gets a good answer (Neverova
    et al., "ModDrop: adaptive multi-modal gesture recognition", TPAMI 2016).

    Args:
        image_dim, text_dim: widths of the two embeddings.
        classes: {task: number of classes}.
    """

    def __init__(
        self,
        image_dim: int,
        text_dim: int,
        classes: dict[str, int],
        widths: tuple[int, ...] = (512, 256),
        dropout: float = 0.5,
        modality_dropout: float = 0.2,
    ):
        super().__init__()
        self.arguments = {
            "image_dim": image_dim,
            "text_dim": text_dim,
            "classes": classes,
            "widths": list(widths),
            "dropout": dropout,
            "modality_dropout": modality_dropout,
        }
        self.modality_dropout = modality_dropout
        self.image_norm, self.text_norm = nn.LayerNorm(image_dim), nn.LayerNorm(text_dim)
        self.no_image = nn.Parameter(torch.zeros(image_dim))
        self.no_text = nn.Parameter(torch.zeros(text_dim))
        self.mlp = _mlp(image_dim + text_dim, tuple(widths), dropout)
        self.heads = TaskHeads(widths[-1], classes)

    def forward(self, image: Tensor, text: Tensor) -> dict[str, Tensor]:
        image_missing, text_missing = image.isnan().any(dim=1), text.isnan().any(dim=1)
        if self.training and self.modality_dropout:
            both = ~(image_missing | text_missing)
            draw = torch.rand(len(image), device=image.device)
            image_missing = image_missing | (both & (draw < self.modality_dropout))
            text_missing = text_missing | (both & (draw > 1 - self.modality_dropout))
        # NaN must not reach the norm: its gradient would be NaN even where it is not used.
        image = self.image_norm(image.nan_to_num())
        text = self.text_norm(text.nan_to_num())
        image = torch.where(image_missing[:, None], self.no_image, image)
        text = torch.where(text_missing[:, None], self.no_text, text)
        return self.heads(self.mlp(torch.cat([image, text], dim=1)))


class AdvancedMLP(nn.Module):
    """The study's price network: 512-256-128-64, batch norm, swish, dropout; USD as it is.

    Takes (n, inputs), returns USD (n,).
    """

    WIDTHS, DROPOUT = (512, 256, 128, 64), (0.3, 0.3, 0.2, 0.1)

    def __init__(self, inputs: int):
        super().__init__()
        self.arguments = {"inputs": inputs}
        self.body = _normed_mlp(inputs, self.WIDTHS, self.DROPOUT)
        self.head = nn.Linear(self.WIDTHS[-1], 1)

    def forward(self, features: Tensor) -> Tensor:
        return self.head(self.body(features)).squeeze(1)

    def usd(self, outputs: np.ndarray) -> np.ndarray:
        return outputs


class TwoHeadedMLP(nn.Module):
    """Our price network: one body, one head for the log price and one for USD.

    The log head gets cheap goods right in proportion, the USD head dear ones in dollars; the
    price is the mean of both. Takes (n, inputs), returns {"log": (n,), "usd": (n,)}, both
    standardised with the given means and standard deviations of the training prices.
    """

    def __init__(
        self,
        inputs: int,
        widths: tuple[int, ...],
        dropout: float,
        log_scale: tuple[float, float],
        usd_scale: tuple[float, float],
    ):
        super().__init__()
        self.arguments = {
            "inputs": inputs,
            "widths": list(widths),
            "dropout": dropout,
            "log_scale": list(log_scale),
            "usd_scale": list(usd_scale),
        }
        self.body = _normed_mlp(inputs, widths, (dropout,) * len(widths))
        self.heads = nn.Linear(widths[-1], 2)
        self.log_scale, self.usd_scale = log_scale, usd_scale

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        log, usd = self.heads(self.body(features)).unbind(1)
        return {"log": log, "usd": usd}

    def usd(self, outputs: dict[str, np.ndarray]) -> np.ndarray:
        (log_mean, log_std), (usd_mean, usd_std) = self.log_scale, self.usd_scale
        by_log = np.exp(outputs["log"] * log_std + log_mean)
        return (by_log + outputs["usd"] * usd_std + usd_mean) / 2


def _normed_mlp(inputs: int, widths: tuple[int, ...], dropout: tuple[float, ...]) -> nn.Sequential:
    """Linear, batch norm, SiLU (swish) and dropout for each width."""
    layers = []
    for width, rate in zip(widths, dropout, strict=True):
        layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.SiLU(), nn.Dropout(rate)]
        inputs = width
    return nn.Sequential(*layers)


class AutoEncoder(nn.Module):
    """Fully connected, symmetric: `widths` from the input to the code, ReLU between, linear ends.

    In training a share of the input is zeroed, so that the code has to hold what fills the gaps
    (Vincent et al., "Stacked denoising autoencoders", JMLR 2010). Takes and returns (n, widths[0]).
    """

    def __init__(self, widths: tuple[int, ...], corruption: float = 0.2):
        super().__init__()
        self.arguments = {"widths": list(widths), "corruption": corruption}
        self.corrupt = nn.Dropout(corruption)
        self.encoder = _relu_mlp(widths)
        self.decoder = _relu_mlp(widths[::-1])

    def forward(self, features: Tensor) -> Tensor:
        return self.decoder(self.encoder(self.corrupt(features)))


class SoftAssignment(nn.Module):
    """DEC's clustering layer: codes (n, d) -> cluster probabilities (n, k).

    Student's t with one degree of freedom around `centres` (k, d); Xie et al., "Unsupervised deep
    embedding for clustering analysis", ICML 2016, equation 1.
    """

    def __init__(self, centres: Tensor):
        super().__init__()
        self.centres = nn.Parameter(centres.clone())

    def forward(self, codes: Tensor) -> Tensor:
        closeness = 1 / (1 + torch.cdist(codes, self.centres).square())
        return closeness / closeness.sum(dim=1, keepdim=True)


def _relu_mlp(widths: tuple[int, ...]) -> nn.Sequential:
    layers = []
    for width, following in itertools.pairwise(widths):
        layers += [nn.Linear(width, following), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
