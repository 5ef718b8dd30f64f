"""Networks of the classification stages: CNN (with text: multimodal), CLIP Fusion, kernel fusion.

Each returns {task: logits (n, n_classes)} and keeps in `arguments` what rebuilds it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.kernel_ridge import LEFT_OUT_BY_NONE, KernelRidge, PrincipalComponents

LEAST_SCORE = 1e-2  # of a class: a regression also predicts values below 0
# Which of the three blocks a kernel of `KernelFusion` sees: image, text, words.
KERNELS = {"both": (0, 1, 2), "photo": (0,), "text": (1, 2)}


class TaskHeads(nn.ModuleDict):
    """One linear head per task on shared features (n, n_features)."""

    def __init__(self, n_features: int, classes: dict[str, int]):
        super().__init__({task: nn.Linear(n_features, count) for task, count in classes.items()})

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        return {task: head(features) for task, head in self.items()}


class CNN(nn.Module):
    """Image classifier: convolutional backbone, one hidden layer, a head per task.

    With `text_dim` it is the multimodal CNN: a text embedding (n, text_dim) is joined with the
    image features before the hidden layer. `classes`: {task: number of classes}. `backbone`: images
    (n, 3, h, w) -> features (n, n_features), trained along; None where the features are the input.
    """

    def __init__(
        self,
        n_features: int,
        classes: dict[str, int],
        text_dim: int = 0,
        backbone: nn.Module | None = None,
        hidden: int = 512,
        dropout: float = 0.3,
    ):
        super().__init__()
        self.arguments = _arguments(locals())
        self.backbone = backbone or nn.Identity()
        widths = [width for width in (n_features, text_dim) if width]
        self.norms = nn.ModuleList(map(nn.LayerNorm, widths))
        self.mlp = _mlp(sum(widths), (hidden,), dropout)
        self.heads = TaskHeads(hidden, classes)

    def forward(self, image: Tensor, *text: Tensor) -> dict[str, Tensor]:
        inputs = zip(self.norms, (self.backbone(image), *text), strict=True)
        return self.heads(self.mlp(torch.cat([norm(part) for norm, part in inputs], dim=1)))


class ClipFusion(nn.Module):
    """CLIP Fusion: LayerNorm on image and text embedding, a fusion MLP, a head per task.

    A row of NaN stands for a photo or a text that is not there; a learned token takes its place.
    In training a modality of a row goes missing with probability `modality_dropout` (never both):
    Neverova et al., "ModDrop: adaptive multi-modal gesture recognition", TPAMI 2016.
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
        self.arguments = _arguments(locals())
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
        image, text = self.image_norm(image.nan_to_num()), self.text_norm(text.nan_to_num())
        image = torch.where(image_missing[:, None], self.no_image, image)
        text = torch.where(text_missing[:, None], self.no_text, text)
        return self.heads(self.mlp(torch.cat([image, text], dim=1)))


class KernelFusion(nn.Module):
    """Image and text embedding and the words of the text to labels, by kernel ridge regression.

    A product is labelled as those most similar in the principal components of all three; a class is
    a regression on 0 and 1 (Rifkin, Yeo and Poggio, "Regularized least-squares classification",
    2003). NaN stands for a photo or text that is not there: a kernel of the other then predicts.

    Args:
        widths: of image embedding, text embedding, hashed words; components: of each, at most.
        landmarks: of each `KernelRidge`, as `fit` sets it.
    """

    def __init__(
        self, widths: list[int], classes: dict[str, int], components: int, landmarks: int = 0
    ):
        super().__init__()
        self.arguments = _arguments(locals())
        self.classes = classes
        self.reduce = PrincipalComponents(widths, components)
        self.register_buffer("mean", torch.zeros(sum(widths)))
        self.register_buffer("shares", torch.zeros(sum(classes.values())))
        self.kernels = nn.ModuleDict()
        for name, parts in KERNELS.items():
            counts = [self.reduce.counts[n] for n in parts]
            self.kernels[name] = KernelRidge(counts, landmarks, 1, len(self.shares))

    def fit(self, inputs: tuple[Tensor, ...], targets: dict[str, Tensor], seed: int) -> None:
        """inputs: what `forward` takes, without NaN; targets: {task: class index (n,)}."""
        features = torch.cat(inputs, dim=1)
        self.mean = features.mean(dim=0)
        features -= self.mean
        scales = self.reduce.fit([features], torch.ones_like(self.mean))
        blocks = self.reduce(features).split(self.reduce.counts, dim=1)
        one_hot = [functional.one_hot(targets[task], count) for task, count in self.classes.items()]
        one_hot = torch.cat(one_hot, dim=1).float()
        self.shares = one_hot.mean(dim=0)
        fold = torch.full((len(features),), LEFT_OUT_BY_NONE)
        for name, parts in KERNELS.items():
            features, scale = (torch.cat([v[n] for n in parts], -1) for v in (blocks, scales))
            inputs = features, self.kernels[name].blocks, scale
            self.kernels[name], _ = KernelRidge.fit(*inputs, one_hot - self.shares, fold, seed)
        self.arguments["landmarks"] = len(self.kernels["both"].landmarks)

    def forward(self, image: Tensor, text: Tensor, words: Tensor) -> dict[str, Tensor]:
        features = torch.cat([image, text, words], dim=1) - self.mean
        blocks = self.reduce(features).split(self.reduce.counts, dim=1)
        photo, text = ~image[:, 0].isnan(), ~text[:, 0].isnan()
        scores = self.shares.repeat(len(image), 1)  # of a row without photo and text
        subsets = {"both": photo & text, "photo": photo & ~text, "text": text & ~photo}
        for name, rows in subsets.items():
            if rows.any():
                features = torch.cat([blocks[n][rows] for n in KERNELS[name]], dim=1)
                scores[rows] += self.kernels[name](features)[:, 0]
        parts = scores.clamp(min=LEAST_SCORE).log().split(list(self.classes.values()), dim=1)
        return dict(zip(self.classes, parts, strict=True))


def _arguments(variables: dict) -> dict:
    """The arguments of an `__init__`, of its local variables."""
    return {k: v for k, v in variables.items() if k not in ("self", "__class__", "backbone")}


def _mlp(n_features: int, widths: tuple[int, ...], dropout: float) -> nn.Sequential:
    layers = []
    for width in widths:
        layers += [nn.Linear(n_features, width), nn.GELU(), nn.Dropout(dropout)]
        n_features = width
    return nn.Sequential(*layers)
