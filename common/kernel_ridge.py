"""Kernel ridge regression: a price from what the most similar products cost.

Saunders, Gammerman and Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998.
As an ensemble whose members each leave out a fold, over landmarks that bound the cost whatever the
number of rows (as in divide-and-conquer kernel ridge regression: Zhang, Duchi and Wainwright,
JMLR 2015). Any block of features may be missing.
"""

import itertools
from collections.abc import Iterable

import torch
from torch import Tensor, nn

# Chosen on validation rows of the study set, see the README.
MOST_LANDMARKS = 8192
GAMMA = 1.5  # of the kernel, at the median distance between two products: exp(-GAMMA)
RIDGE = 0.05
BLOCK = 4096  # rows whose kernel is in memory at once
LEFT_OUT_BY_NONE = -1
LEAST_VARIANCE = 1e-3  # of a principal component, of the largest: below lies noise
SAMPLE = 256  # landmarks from which the average factor of a missing block is taken


class KernelRidge(nn.Module):
    """An RBF kernel over `blocks` of features with `members` solutions for `targets` values.

    Takes (n, sum(blocks)), where a block of a row may be NaN; its factor of the kernel is then what
    it is on average over products. Returns (n, members, targets).
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
        self._wide = None  # what a row is multiplied by, made when first asked for

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
        """The machine, and what it says of the rows themselves, (n, members, n_targets).

        features: (n, sum(blocks)) without NaN; feature_scale: what each is multiplied by before
        distances are taken; targets: (n, n_targets), standardised; fold: (n,), the member that does
        not learn from a row, or LEFT_OUT_BY_NONE throughout for a single one.
        """
        members = max(int(fold.max()) + 1, 1)
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(len(features), generator=generator)[:MOST_LANDMARKS].sort().values
        made = cls(blocks, len(chosen), members, targets.shape[1])
        made.feature_scale = feature_scale
        made.landmarks = (features[chosen] * feature_scale).half()
        landmarks = made.landmarks.float()
        made.norms = made._by_block(landmarks.square())
        distance = torch.cdist(landmarks, landmarks).square_()
        typical = distance[::17].flatten()[::13].median()
        made.bandwidth = (typical / GAMMA).clamp(min=1e-6)  # 0 where most rows are the same
        some = landmarks[torch.randperm(len(landmarks), generator=generator)[:SAMPLE]]
        by_block = (values.split(blocks, dim=1) for values in (landmarks, some))
        for number, (own, others) in enumerate(zip(*by_block, strict=True)):
            factor = torch.cdist(own, others).square_().div_(-made.bandwidth).exp_()
            made.log_average[:, number] = factor.mean(dim=1).log()
        kernel = distance.div_(-made.bandwidth).exp_()
        kernel.diagonal().add_(RIDGE)
        for member in range(members):
            own = torch.nonzero(fold[chosen] != member).squeeze(1)
            factor = torch.linalg.cholesky(kernel.index_select(0, own).index_select(1, own))
            solution = torch.cholesky_solve(targets[chosen[own]], factor)
            columns = slice(member * targets.shape[1], (member + 1) * targets.shape[1])
            made.coefficients[own, columns] = solution
        # Of its landmarks the kernel is at hand. (The ridge on its diagonal only matters to members
        # that have learned from the row.)
        in_sample = torch.empty(len(features), *made.shape)
        in_sample[chosen] = (kernel @ made.coefficients).view(-1, *made.shape)
        others = torch.ones(len(features), dtype=torch.bool)
        others[chosen] = False
        for some in torch.nonzero(others).squeeze(1).split(BLOCK):
            in_sample[some] = made(features[some])
        return made, in_sample

    def forward(self, features: Tensor) -> Tensor:
        starts = torch.tensor([0, *self.blocks[:-1]], device=features.device).cumsum(0)
        missing = features[:, starts].isnan().to(self.norms.dtype)
        scaled = features.nan_to_num() * self.feature_scale
        row = torch.cat([scaled, missing, torch.ones_like(missing[:, :1])], dim=1)
        if self._wide is None or self._wide.device != features.device:
            self._wide = self._exponents()
        # Landmarks by rows: either product is several times as fast in this order.
        exponent = self._wide @ row.T
        exponent -= scaled.square().sum(dim=1) / self.bandwidth
        kernel = exponent.clamp_(max=0).exp_()
        return (self.coefficients.T @ kernel).T.reshape(len(features), *self.shape)

    def _exponents(self) -> Tensor:
        """What a row (features, missing blocks, 1) is multiplied by, (n_landmarks, its width).

        One product gives the whole exponent of the kernel but for the row's own norm: a million
        rows by all landmarks pass through memory four times instead of a dozen.
        """
        parts = (
            2 * self.landmarks.float() / self.bandwidth,
            self.log_average + self.norms / self.bandwidth,
            -self.norms.sum(dim=1, keepdim=True) / self.bandwidth,
        )
        return torch.cat(parts, dim=1)

    def _by_block(self, values: Tensor) -> Tensor:
        return torch.stack([one.sum(dim=1) for one in values.split(self.blocks, dim=1)], dim=1)


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
