"""Networks of the price stage: the study's Advanced MLP, and the Price Ensemble."""

import numpy as np
import torch
from torch import Tensor, nn

from common.kernel_ridge import KernelRidge, PrincipalComponents

QUANTILES = (0.05, 0.5, 0.95)  # of the log price, what PackedMLP learns beside the mean
MEDIAN = QUANTILES.index(0.5)
# The median is right for the many, the mean for the sum; chosen on validation rows.
MEDIAN_SHARE = 0.85


class AdvancedMLP(nn.Module):
    """The study's price network, on USD as it is: (n, inputs) -> (n,)."""

    WIDTHS, DROPOUT = (512, 256, 128, 64), (0.3, 0.3, 0.2, 0.1)

    def __init__(self, inputs: int):
        super().__init__()
        self.arguments = {"inputs": inputs}
        layers = []
        for width, rate in zip(self.WIDTHS, self.DROPOUT, strict=True):
            layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.SiLU(), nn.Dropout(rate)]
            inputs = width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(inputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        return self.head(self.body(features.nan_to_num())).squeeze(1)

    def usd(self, outputs: np.ndarray) -> np.ndarray:
        return outputs


class PackedMLP(nn.Module):
    """`members` small MLPs side by side, each with four outputs for a price.

    The outputs are `QUANTILES` of the log price and the price in USD, both standardised. A member
    learns from all folds of rows but one (packed ensembles: Laurent et al., ICLR 2023).

    blocks: width of each group of features, such as an embedding or a column; in training a share
    `missing` of them is replaced by their mean, as is a feature that a listing leaves out (NaN).
    Takes (n, sum(blocks)), returns {"log": (n, members, 3), "usd": (n, members)}.
    """

    def __init__(
        self, blocks: list[int], members: int, widths: list[int], dropout: float, missing: float
    ):
        super().__init__()
        self.missing, self.blocks, self.members = missing, len(blocks), members
        block_of = torch.arange(len(blocks)).repeat_interleave(torch.tensor(blocks))
        self.register_buffer("block_of", block_of, persistent=False)
        layers = [nn.Linear(sum(blocks), members * widths[0])]
        for inputs, width in zip(widths, [*widths[1:], len(QUANTILES) + 1], strict=True):
            layers += [nn.BatchNorm1d(members * inputs), nn.SiLU(), nn.Dropout(dropout)]
            layers.append(PackedLinear(members, inputs, width))
        *body, self.heads = layers
        self.body = nn.Sequential(*body)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        if self.training and self.missing:
            shown = torch.rand(len(features), self.blocks, device=features.device) >= self.missing
            features = features * shown[:, self.block_of]
        features = features.nan_to_num()
        outputs = self.heads(self.body(features)).view(len(features), self.members, -1)
        return {"log": outputs[..., :-1], "usd": outputs[..., -1]}


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
        product = torch.bmm(packed, self.weight.to(packed.dtype))
        return product.transpose(0, 1).reshape(len(features), -1) + self.bias


class PriceEnsemble(nn.Module):
    """Members that are each half a small network and half a kernel ridge regression.

    Neither half has learned from the member's fold. blocks: width of each group of features, the
    first `embeddings` of them reduced to `components`; network: arguments of `PackedMLP`;
    landmarks: of `KernelRidge`; scales: mean, deviation of the log price and of the price.
    Takes and returns what `PackedMLP` does; NaN: unknown.
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
        self.arguments = {"blocks": list(blocks), "embeddings": embeddings}
        self.arguments |= {"components": components, "network": network, "landmarks": landmarks}
        self.arguments |= {"log_scale": list(log_scale), "usd_scale": list(usd_scale)}
        self.reduce = PrincipalComponents(blocks[:embeddings], components)
        self.blocks = [*self.reduce.counts, *blocks[embeddings:]]
        self.network = PackedMLP(self.blocks, **network)
        self.kernel = KernelRidge(self.blocks, landmarks, network["members"], 2)
        self.log_scale, self.usd_scale = log_scale, usd_scale

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        reduced = self.reduce(features)
        return self.combine(self.network(reduced), self.kernel(reduced))

    @staticmethod
    def combine(network: dict, kernel) -> dict:
        """Mean of the two halves; kernel: (n, members, 2), standardised log price and USD."""
        log, usd = kernel[..., 0], kernel[..., 1]
        # The kernel knows no quantiles: it shifts the network's.
        shift = (log - network["log"][..., MEDIAN]) / 2
        return {"log": network["log"] + shift[..., None], "usd": (network["usd"] + usd) / 2}

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
