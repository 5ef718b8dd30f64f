"""PyTorch modules: what is trained here, apart from how (`common.training`).

Classifiers return {task: logits (n, n_classes)}; each keeps in `arguments` what rebuilds it.
"""

import itertools
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from common.kernel import LEFT_OUT_BY_NONE, KernelRidge


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
        return self.head(self.body(features.nan_to_num())).squeeze(1)

    def usd(self, outputs: np.ndarray) -> np.ndarray:
        return outputs


QUANTILES = (0.05, 0.5, 0.95)  # of the log price, what PackedMLP learns beside the mean
MEDIAN = QUANTILES.index(0.5)
# The median is right for the many, the mean for the sum; chosen on validation rows.
MEDIAN_SHARE = 0.85
LEAST_SCORE = 1e-2  # of a class: a regression also says less than nothing
LEAST_VARIANCE = 1e-3  # of a principal component, of the largest: below lies noise


class PackedMLP(nn.Module):
    """`members` small MLPs side by side, each with four outputs for a price.

    The outputs are quantiles of the log price (see `QUANTILES`) and the price in USD, both
    standardised. A member sees all the features; of the rows, it learns from all but one fold
    (see `common.price_recipes`), so that an ensemble costs one training. Packed ensembles: Laurent
    et al., ICLR 2023; several outputs of one body: Caruana, "Multitask learning", 1997.

    blocks: width of each group of features, such as an embedding or a column; in training a block
    is now and then replaced by its mean (`missing` is how often), which is how a feature that a
    listing leaves out (NaN) is fed. Takes (n, sum(blocks)), returns {"log": (n, members, 3),
    "usd": (n, members)}.
    """

    def __init__(
        self,
        blocks: list[int],
        members: int,
        widths: list[int],
        dropout: float,
        missing: float,
    ):
        super().__init__()
        self.missing, self.blocks, self.members = missing, len(blocks), members
        self.register_buffer(
            "block_of",
            torch.arange(len(blocks)).repeat_interleave(torch.tensor(blocks)),
            persistent=False,
        )
        layers, inputs = [], None
        for width in widths:
            first = inputs is None
            layers += [
                nn.Linear(sum(blocks), members * width)
                if first
                else PackedLinear(members, inputs, width),
                nn.BatchNorm1d(members * width),
                nn.SiLU(),
                nn.Dropout(dropout),
            ]
            inputs = width
        self.body = nn.Sequential(*layers)
        self.heads = PackedLinear(members, inputs, len(QUANTILES) + 1)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        if self.training and self.missing:
            kept = torch.rand(len(features), self.blocks, device=features.device) >= self.missing
            features = features * kept[:, self.block_of]
        features = features.nan_to_num()
        made = self.heads(self.body(features)).view(len(features), self.members, -1)
        return {"log": made[..., :-1], "usd": made[..., -1]}


class PrincipalComponents(nn.Module):
    """The first blocks of features as principal components of unit variance, the rest unchanged.

    widths: of those blocks; most: components of each. A block of NaN stays one. Takes
    (n, n_features), returns (n, sum(`counts`) + the rest).
    """

    def __init__(self, widths: list[int], most: int):
        super().__init__()
        self.widths, self.counts = list(widths), [min(width, most) for width in widths]
        for number, (width, count) in enumerate(zip(widths, self.counts, strict=True)):
            self.register_buffer(f"axes{number}", torch.zeros(width, count))

    def fit(self, blocks: Iterable[Tensor], scale: Tensor) -> list[Tensor]:
        """blocks: of rows of standardised features; scale: what those were divided by.

        The components are those of the features before, whose spread says how much a feature
        counts. Returns the spread of each component, (count,) an embedding, of mean square
        1 / count.
        """
        from scipy.linalg import eigh  # not for who only prices

        ends = list(itertools.accumulate(self.widths, initial=0))
        places = [slice(*pair) for pair in itertools.pairwise(ends)]
        rows, products = 0, [0.0] * len(places)
        for features in blocks:
            rows += len(features)
            for number, block in enumerate(places):
                own = features[:, block] * scale[block]
                products[number] = products[number] + own.T @ own
        spreads = []
        for number, block in enumerate(places):
            width, count = self.widths[number], self.counts[number]
            # SciPy's, since torch's own fails on the many equal values of places never filled.
            found = eigh(
                (products[number] / rows).numpy(), subset_by_index=[width - count, width - 1]
            )
            variance, axes = (torch.from_numpy(one[..., ::-1].copy()) for one in found)
            variance = variance.clamp(min=float(variance[0]) * LEAST_VARIANCE)
            axes = scale[block][:, None] * axes / variance.sqrt()
            getattr(self, f"axes{number}").copy_(axes)
            spreads.append((variance / variance.sum()).sqrt())
        return spreads

    def forward(self, features: Tensor) -> Tensor:
        parts = features.split([*self.widths, features.shape[1] - sum(self.widths)], dim=1)
        made = [part @ getattr(self, f"axes{number}") for number, part in enumerate(parts[:-1])]
        return torch.cat([*made, parts[-1]], dim=1)


# Which of the three blocks a machine of `KernelFusion` sees: image, text, words.
KERNELS = {"both": (0, 1, 2), "photo": (0,), "text": (1, 2)}


class KernelFusion(nn.Module):
    """Image and text embedding and the words of the text to labels, by kernel ridge regression.

    A product is labelled as those most similar in all three are, each by its principal components
    (`common.kernel`; a class is a regression on 0 and 1: Rifkin, Yeo and Poggio, "Regularized
    least-squares classification", 2003). Learnt at once by :meth:`fit`, not in epochs. A row of NaN
    stands for a photo or a text that is not there: a machine that has learnt from the other alone
    then answers.

    Args:
        widths: of the image embedding, of the text embedding, of the rows of words
            (`common.words`).
        classes: {task: number of classes}.
        components: of each of the three, at most.
        landmarks: of each `KernelRidge`; what `fit` found.
    """

    def __init__(
        self, widths: list[int], classes: dict[str, int], components: int, landmarks: int = 0
    ):
        super().__init__()
        self.arguments = {
            "widths": list(widths),
            "classes": classes,
            "components": components,
            "landmarks": landmarks,
        }
        self.classes = classes
        self.reduce = PrincipalComponents(widths, components)
        self.register_buffer("mean", torch.zeros(sum(widths)))
        self.register_buffer("shares", torch.zeros(sum(classes.values())))
        counts = self.reduce.counts
        self.kernels = nn.ModuleDict(
            {
                name: KernelRidge([counts[one] for one in seen], landmarks, 1, len(self.shares))
                for name, seen in KERNELS.items()
            }
        )

    def fit(self, inputs: tuple[Tensor, ...], targets: dict[str, Tensor], seed: int) -> None:
        """inputs: what `forward` takes, without NaN; targets: {task: class index (n,)}."""
        features = torch.cat(inputs, dim=1)
        self.mean = features.mean(dim=0)
        features -= self.mean
        spreads = self.reduce.fit([features], torch.ones_like(self.mean))
        blocks = self.reduce(features).split(self.reduce.counts, dim=1)
        wanted = [functional.one_hot(targets[task], count) for task, count in self.classes.items()]
        wanted = torch.cat(wanted, dim=1).float()
        self.shares = wanted.mean(dim=0)
        fold = torch.full((len(features),), LEFT_OUT_BY_NONE)
        for name, seen in KERNELS.items():
            own, stretch = (
                torch.cat([part[one] for one in seen], -1) for part in (blocks, spreads)
            )
            counts = self.kernels[name].blocks
            self.kernels[name], _ = KernelRidge.fit(
                own, counts, stretch, wanted - self.shares, fold, seed
            )
        self.arguments["landmarks"] = len(self.kernels["both"].landmarks)

    def forward(self, image: Tensor, text: Tensor, words: Tensor) -> dict[str, Tensor]:
        features = torch.cat([image, text, words], dim=1) - self.mean
        blocks = self.reduce(features).split(self.reduce.counts, dim=1)
        photo, told = ~image[:, 0].isnan(), ~text[:, 0].isnan()
        scores = self.shares.repeat(len(image), 1)  # of what is given nothing of
        given = {"both": photo & told, "photo": photo & ~told, "text": told & ~photo}
        for name, rows in given.items():
            if rows.any():
                own = torch.cat([blocks[one][rows] for one in KERNELS[name]], dim=1)
                scores[rows] += self.kernels[name](own)[:, 0]
        parts = scores.clamp(min=LEAST_SCORE).log().split(list(self.classes.values()), dim=1)
        return dict(zip(self.classes, parts, strict=True))


class PriceEnsemble(nn.Module):
    """Price model of ours: members, each half a small network and half a kernel machine.

    Both halves of a member read the principal components of the embeddings, and neither has learned
    from the member's fold. blocks: width of each group of features, the first `embeddings` of them
    reduced to `components`; network: arguments of `PackedMLP`; landmarks: of `KernelRidge`.
    Takes (n, sum(blocks)), returns what `PackedMLP` returns; a feature that is not known is NaN.
    """

    def __init__(
        self,
        blocks: list[int],
        embeddings: int,
        components: int,
        network: dict,
        landmarks: int,
        log_scale: tuple[float, float],
        usd_scale: tuple[float, float],
    ):
        super().__init__()
        self.arguments = {
            "blocks": list(blocks),
            "embeddings": embeddings,
            "components": components,
            "network": network,
            "landmarks": landmarks,
            "log_scale": list(log_scale),
            "usd_scale": list(usd_scale),
        }
        self.reduce = PrincipalComponents(blocks[:embeddings], components)
        self.blocks = [*self.reduce.counts, *blocks[embeddings:]]
        self.network = PackedMLP(self.blocks, **network)
        self.kernel = KernelRidge(self.blocks, landmarks, network["members"], 2)
        self.log_scale, self.usd_scale = log_scale, usd_scale

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        reduced = self.reduce(features)
        return self.together(self.network(reduced), self.kernel(reduced))

    @staticmethod
    def together(made: dict, said) -> dict:
        """made: by the network; said: by the kernel, (n, members, 2), standardised log and USD.

        Tensors or arrays.
        """
        log, usd = said[..., 0], said[..., 1]
        # The kernel knows no quantiles: it moves the network's along.
        moved = (log - made["log"][..., MEDIAN]) / 2
        return {"log": made["log"] + moved[..., None], "usd": (made["usd"] + usd) / 2}

    def prices(self, outputs: dict[str, np.ndarray]) -> np.ndarray:
        """USD (n, members) by each member, from its median and its mean price."""
        (log_mean, log_std), (usd_mean, usd_std) = self.log_scale, self.usd_scale
        by_log = np.exp(outputs["log"][..., MEDIAN] * log_std + log_mean)
        by_usd = outputs["usd"] * usd_std + usd_mean
        return MEDIAN_SHARE * by_log + (1 - MEDIAN_SHARE) * by_usd

    def usd(self, outputs: dict[str, np.ndarray]) -> np.ndarray:
        """USD (n,): the mean of the members."""
        return self.prices(outputs).mean(axis=1)

    def quantiles(self, outputs: dict[str, np.ndarray]) -> np.ndarray:
        """Quantiles of the log price by each member: (n, members, 3)."""
        return outputs["log"] * self.log_scale[1] + self.log_scale[0]


class PackedLinear(nn.Module):
    """`members` linear layers side by side: (n, members * inputs) -> (n, members * outputs)."""

    def __init__(self, members: int, inputs: int, outputs: int):
        super().__init__()
        bound = inputs**-0.5  # as torch's own linear layer begins
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members * outputs).uniform_(-bound, bound))

    def forward(self, features: Tensor) -> Tensor:
        members, inputs, _ = self.weight.shape
        packed = features.view(len(features), members, inputs).transpose(0, 1)
        made = torch.bmm(packed, self.weight.to(packed.dtype))
        return made.transpose(0, 1).reshape(len(features), -1) + self.bias


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
