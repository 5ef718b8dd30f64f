"""Kernel ridge regression: a price from what the most similar products cost.

Saunders, Gammerman and Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998.
An ensemble whose members each leave out a fold, over landmarks that bound the cost (divide and
conquer: Zhang, Duchi and Wainwright, JMLR 2015). Any block of features may be missing.
"""

import itertools
from collections.abc import Iterable

import torch
from scipy.linalg import eigh
from torch import Tensor, nn

# Chosen on validation rows of the study set.
MOST_LANDMARKS = 8192
GAMMA = 1.5  # of the kernel exp(-GAMMA * d^2), where d^2 is 1 at the median of all distances
RIDGE = 0.05
BLOCK = 4096  # rows whose kernel is in memory at once
LEFT_OUT_BY_NONE = -1
LEAST_VARIANCE = 1e-3  # of a principal component, of the largest: below lies noise
SAMPLE = 256  # landmarks from which the average factor of a missing block is taken


class KernelRidge(nn.Module):
    """An RBF kernel over `blocks` of features with `members` solutions for `targets` values.

    Takes (n, sum(blocks)), returns (n, members, targets). A block of a row may be NaN: its factor
    of the kernel is then the average over products.
    """

    def __init__(self, blocks: list[int], landmarks: int, members: int, targets: int):
        super().__init__()
        self.blocks, self.shape = list(blocks), (members, targets)
        # Half precision halves the file; they are rounded before anything is solved with them.
        self.register_buffer("landmarks", torch.zeros(landmarks, sum(blocks), dtype=torch.half))
        self.register_buffer("norms", torch.zeros(landmarks, len(blocks)))
        self.register_buffer("log_average", torch.zeros(landmarks, len(blocks)))
        self.register_buffer("coefficients", torch.zeros(landmarks, members * targets))
        self.register_buffer("feature_scale", torch.ones(sum(blocks)))
        self.register_buffer("bandwidth", torch.ones(()))
        self._weights = None  # of `forward`, computed when first asked for

    @classmethod
    def fit(
        cls,
        features: Tensor,
        blocks: list[int],
        feature_scale: Tensor,
        targets: Tensor,
        fold: Tensor,
        seed: int,
    ) -> tuple["KernelRidge", Tensor]:
        """The regression, and its in-sample predictions (n, members, n_targets).

        features: (n, sum(blocks)) without NaN, to be multiplied by feature_scale; targets: (n,
        n_targets), standardised; fold: (n,), the member that leaves a row out, or LEFT_OUT_BY_NONE.
        """
        members = max(int(fold.max()) + 1, 1)
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(features), generator=generator)
        chosen, rest = order[:MOST_LANDMARKS].sort().values, order[MOST_LANDMARKS:].sort().values
        ridge = cls(blocks, len(chosen), members, targets.shape[1])
        ridge.feature_scale = feature_scale
        ridge.landmarks = (features[chosen] * feature_scale).half()
        landmarks = ridge.landmarks.float()
        distance = torch.cdist(landmarks, landmarks).square_()
        median = distance[::17].flatten()[::13].median()
        ridge.bandwidth = (median / GAMMA).clamp(min=1e-6)  # 0 where most rows are the same
        sample = landmarks[torch.randperm(len(landmarks), generator=generator)[:SAMPLE]]
        pairs = zip(landmarks.split(blocks, dim=1), sample.split(blocks, dim=1), strict=True)
        for number, (block, others) in enumerate(pairs):
            ridge.norms[:, number] = block.square().sum(dim=1)
            factor = torch.cdist(block, others).square_().div_(-ridge.bandwidth).exp_()
            ridge.log_average[:, number] = factor.mean(dim=1).log()
        kernel = distance.div_(-ridge.bandwidth).exp_()
        kernel.diagonal().add_(RIDGE)
        for member in range(members):
            rows = torch.nonzero(fold[chosen] != member).squeeze(1)
            factor = torch.linalg.cholesky(kernel.index_select(0, rows).index_select(1, rows))
            solution = torch.cholesky_solve(targets[chosen[rows]], factor)
            ridge.coefficients.view(-1, *ridge.shape)[rows, member] = solution
        # Of its landmarks the kernel is at hand; the ridge on its diagonal only matters to members
        # that have learned from the row.
        in_sample = torch.empty(len(features), *ridge.shape)
        in_sample[chosen] = (kernel @ ridge.coefficients).view(-1, *ridge.shape)
        for rows in rest.split(BLOCK):
            in_sample[rows] = ridge(features[rows])
        return ridge, in_sample

    def forward(self, features: Tensor) -> Tensor:
        starts = torch.tensor([0, *self.blocks[:-1]], device=features.device).cumsum(0)
        missing = features[:, starts].isnan().to(self.norms.dtype)
        scaled = features.nan_to_num() * self.feature_scale
        row = torch.cat([scaled, missing, torch.ones_like(missing[:, :1])], dim=1)
        if self._weights is None or self._weights.device != features.device:
            # One product gives the exponent but for the row's own norm: a million rows by all
            # landmarks pass through memory four times instead of a dozen.
            weights = 2 * self.landmarks.float(), self.norms, -self.norms.sum(dim=1, keepdim=True)
            scaled_features, norms, total = (part / self.bandwidth for part in weights)
            self._weights = torch.cat([scaled_features, self.log_average + norms, total], dim=1)
        # Landmarks by rows: either product is several times as fast in this order.
        exponent = self._weights @ row.T
        exponent -= scaled.square().sum(dim=1) / self.bandwidth
        kernel = exponent.clamp_(max=0).exp_()
        return (self.coefficients.T @ kernel).T.reshape(len(features), *self.shape)


class PrincipalComponents(nn.Module):
    """The first blocks of features as principal components of unit variance, the rest unchanged.

    widths: of those blocks; most: components of each. A block of NaN stays one.
    """

    def __init__(self, widths: list[int], most: int):
        super().__init__()
        self.widths, self.counts = list(widths), [min(width, most) for width in widths]
        for number, shape in enumerate(zip(widths, self.counts, strict=True)):
            self.register_buffer(f"axes{number}", torch.zeros(shape))

    def fit(self, blocks: Iterable[Tensor], scale: Tensor) -> list[Tensor]:
        """blocks: of rows of standardised features; scale: what those were divided by.

        The components are those of the features before, whose spread says how much each counts.
        Returns the spread of each component, (count,) an embedding, of mean square 1 / count.
        """
        ends = itertools.accumulate(self.widths, initial=0)
        places = [slice(*pair) for pair in itertools.pairwise(ends)]
        rows, products = 0, [0.0] * len(places)
        for features in blocks:
            rows += len(features)
            for number, place in enumerate(places):
                columns = features[:, place] * scale[place]
                products[number] = products[number] + columns.T @ columns
        spreads = []
        for number, (place, width) in enumerate(zip(places, self.widths, strict=True)):
            largest = [width - self.counts[number], width - 1]
            # SciPy's: torch's own fails on the many equal values of places never filled.
            solution = eigh((products[number] / rows).numpy(), subset_by_index=largest)
            variance, axes = (torch.from_numpy(part[..., ::-1].copy()) for part in solution)
            variance = variance.clamp(min=float(variance[0]) * LEAST_VARIANCE)
            getattr(self, f"axes{number}").copy_(scale[place][:, None] * axes / variance.sqrt())
            spreads.append((variance / variance.sum()).sqrt())
        return spreads

    def forward(self, features: Tensor) -> Tensor:
        parts = features.split([*self.widths, features.shape[1] - sum(self.widths)], dim=1)
        reduced = [part @ getattr(self, f"axes{number}") for number, part in enumerate(parts[:-1])]
        return torch.cat([*reduced, parts[-1]], dim=1)
