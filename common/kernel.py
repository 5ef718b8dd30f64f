"""Kernel ridge regression: a price from what the most similar products cost.

Saunders, Gammerman and Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998.
As an ensemble whose members each leave out a fold, over landmarks that bound the cost whatever the
number of rows (as in divide-and-conquer kernel ridge regression: Zhang, Duchi and Wainwright,
JMLR 2015). Any block of features may be missing.
"""

import torch
from torch import Tensor, nn

# Chosen on validation rows of the study set, see the README.
MOST_LANDMARKS = 8192
NARROWNESS = 1.5  # of the kernel, at the median distance between two products: exp(-NARROWNESS)
RIDGE = 0.05
BLOCK = 4096  # rows whose kernel is in memory at once
LEFT_OUT_BY_NONE = -1
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
        self.register_buffer("stretch", torch.ones(sum(blocks)))
        self.register_buffer("width", torch.ones(()))
        self._wide = None  # what a row is multiplied by, made when first asked for

    @classmethod
    def fit(
        cls,
        features: Tensor,
        blocks: list[int],
        stretch: Tensor,
        targets: Tensor,
        fold: Tensor,
        seed: int,
    ) -> tuple["KernelRidge", Tensor]:
        """The machine, and what it says of the rows themselves, (n, members, n_targets).

        features: (n, sum(blocks)) without NaN; stretch: what each is multiplied by before
        distances are taken; targets: (n, n_targets), standardised; fold: (n,), the member that does
        not learn from a row, or LEFT_OUT_BY_NONE throughout for a single one.
        """
        members = max(int(fold.max()) + 1, 1)
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(len(features), generator=generator)[:MOST_LANDMARKS].sort().values
        made = cls(blocks, len(chosen), members, targets.shape[1])
        made.stretch = stretch
        made.landmarks = (features[chosen] * stretch).half()
        landmarks = made.landmarks.float()
        made.norms = made._by_block(landmarks.square())
        distance = torch.cdist(landmarks, landmarks).square_()
        typical = distance[::17].flatten()[::13].median()
        made.width = (typical / NARROWNESS).clamp(min=1e-6)  # 0 where most rows are the same
        some = landmarks[torch.randperm(len(landmarks), generator=generator)[:SAMPLE]]
        by_block = (values.split(blocks, dim=1) for values in (landmarks, some))
        for number, (own, others) in enumerate(zip(*by_block, strict=True)):
            factor = torch.cdist(own, others).square_().div_(-made.width).exp_()
            made.log_average[:, number] = factor.mean(dim=1).log()
        kernel = distance.div_(-made.width).exp_()
        kernel.diagonal().add_(RIDGE)
        for member in range(members):
            own = torch.nonzero(fold[chosen] != member).squeeze(1)
            factor = torch.linalg.cholesky(kernel.index_select(0, own).index_select(1, own))
            solution = torch.cholesky_solve(targets[chosen[own]], factor)
            columns = slice(member * targets.shape[1], (member + 1) * targets.shape[1])
            made.coefficients[own, columns] = solution
        # Of its landmarks the kernel is at hand. (The ridge on its diagonal only matters to members
        # that have learned from the row.)
        said = torch.empty(len(features), *made.shape)
        said[chosen] = (kernel @ made.coefficients).view(-1, *made.shape)
        others = torch.ones(len(features), dtype=torch.bool)
        others[chosen] = False
        for some in torch.nonzero(others).squeeze(1).split(BLOCK):
            said[some] = made(features[some])
        return made, said

    def forward(self, features: Tensor) -> Tensor:
        starts = torch.tensor([0, *self.blocks[:-1]], device=features.device).cumsum(0)
        missing = features[:, starts].isnan().to(self.norms.dtype)
        stretched = features.nan_to_num() * self.stretch
        row = torch.cat([stretched, missing, torch.ones_like(missing[:, :1])], dim=1)
        if self._wide is None or self._wide.device != features.device:
            self._wide = self._exponents()
        # Landmarks by rows: either product is several times as fast in this order.
        exponent = self._wide @ row.T
        exponent -= stretched.square().sum(dim=1) / self.width
        kernel = exponent.clamp_(max=0).exp_()
        return (self.coefficients.T @ kernel).T.reshape(len(features), *self.shape)

    def _exponents(self) -> Tensor:
        """What a row (features, missing blocks, 1) is multiplied by, (n_landmarks, its width).

        One product gives the whole exponent of the kernel but for the row's own norm: a million
        rows by all landmarks pass through memory four times instead of a dozen.
        """
        parts = (
            2 * self.landmarks.float() / self.width,
            self.log_average + self.norms / self.width,
            -self.norms.sum(dim=1, keepdim=True) / self.width,
        )
        return torch.cat(parts, dim=1)

    def _by_block(self, values: Tensor) -> Tensor:
        return torch.stack([one.sum(dim=1) for one in values.split(self.blocks, dim=1)], dim=1)
