"""Deep embedded clustering: a stacked autoencoder, then its code and the clusters refined together.

Xie, Girshick and Farhadi, "Unsupervised deep embedding for clustering analysis", ICML 2016 (DEC);
Guo et al., "Improved deep embedded clustering with local structure preservation", IJCAI 2017
(IDEC: DEC that keeps the autoencoder's reconstruction loss).
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor, nn
from tqdm import tqdm

from common.artifacts import StageError
from common.training import TrainConfig, fit, predict, tensor_batches

# The paper's 500-500-2000-10 with a quarter of the width inside, which two CPU cores train in
# seconds; on scikit-learn's digits, wider and longer trained networks did no better.
HIDDEN, CODE = (128, 128, 512), 10
CORRUPTION = 0.2  # the paper's dropout in pretraining
BATCH = 256  # the paper's
RESTARTS = 20  # of K-Means on the codes; the paper's
LAYER_UPDATES, WHOLE_UPDATES = 300, 1500  # optimiser steps of each part of the pretraining
RATE = 1e-3  # Adam's, throughout
TOLERANCE = 0.001  # stop when fewer rows than this share change cluster; the paper's
MAX_PASSES = 100  # over the rows; where the tolerance is never met
PULL = 0.1  # IDEC's weight of the clustering loss beside the reconstruction


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


@dataclass(frozen=True)
class Refined:
    """What `refine` found.

    encoder: features (n, d) -> codes (n, CODE); clusters: codes -> probabilities (n, k).
    updates: optimiser steps taken; changed: share of rows that changed cluster at the last look;
    empty: clusters that no training row is left in, 0 if nothing collapsed.
    """

    encoder: nn.Module
    clusters: SoftAssignment
    updates: int
    changed: float
    empty: int

    def __str__(self) -> str:
        collapse = f"COLLAPSED: {self.empty} clusters are empty" if self.empty else "none is empty"
        return f"{self.updates} updates, {self.changed:.2%} of rows changed at last, {collapse}"


def scaled(features: np.ndarray, train: np.ndarray) -> np.ndarray:
    """float32 features (n, d) divided by one number: mean squared length d over training rows.

    The paper's normalisation; it makes one learning rate serve every data set.
    """
    length = np.square(features[train], dtype=np.float64).sum(axis=1).mean()
    return (features * np.sqrt(features.shape[1] / length)).astype(np.float32)


def pretrain(features: np.ndarray, seed: int, device: torch.device, progress="") -> AutoEncoder:
    """A denoising autoencoder of `features` (n, d), trained layer by layer, then as a whole."""
    torch.manual_seed(seed)
    widths = (features.shape[1], *HIDDEN, CODE)
    whole = AutoEncoder(widths, CORRUPTION)
    seen = torch.from_numpy(features)
    encoders, decoders = _linear(whole.encoder), _linear(whole.decoder)[::-1]
    for depth, (encoder, decoder) in enumerate(zip(encoders, decoders, strict=True)):
        layer = AutoEncoder(widths[depth : depth + 2], CORRUPTION)
        # The whole network's own layers, so that what is learned stays; all but the code are
        # followed by ReLU there, and so here.
        last = depth == len(encoders) - 1
        layer.encoder = nn.Sequential(encoder, *([] if last else [nn.ReLU()]))
        layer.decoder = nn.Sequential(decoder, *([nn.ReLU()] if depth else []))
        _train(
            layer,
            seen,
            LAYER_UPDATES,
            seed,
            device,
            f"{progress} layer {depth + 1}" * bool(progress),
        )
        seen = torch.from_numpy(encode(layer.encoder, seen.numpy(), device))
    _train(whole, torch.from_numpy(features), WHOLE_UPDATES, seed, device, progress)
    return whole


def encode(encoder: nn.Module, features: np.ndarray, device: torch.device) -> np.ndarray:
    """Codes (n, CODE) of features (n, d)."""
    return predict(encoder, _batches(features), device)


def kmeans(codes: np.ndarray, k: int, seed: int) -> KMeans:
    return KMeans(k, n_init=RESTARTS, random_state=seed).fit(codes)


def target_distribution(assigned: Tensor) -> Tensor:
    """Sharpened, and each cluster weighed by its size: (n, k) -> (n, k); the paper's equation 3."""
    weight = assigned.square() / assigned.sum(dim=0)
    return weight / weight.sum(dim=1, keepdim=True)


def refine(
    autoencoder: AutoEncoder,
    features: np.ndarray,
    start: KMeans,
    seed: int,
    device: torch.device,
    reconstruction: bool = False,
    progress: str = "",
) -> Refined:
    """DEC on `features` (n, d) from a pretrained autoencoder, which is changed in place.

    `start` is K-Means on the autoencoder's codes of these rows: the first centres.

    The target distribution is taken over all rows, anew after each pass over them, and held in
    between. Ends when fewer than `TOLERANCE` of the rows change cluster between two looks.

    Args:
        reconstruction: keep the autoencoder's loss beside the clustering loss (IDEC).
    """
    encoder, decoder = autoencoder.encoder, autoencoder.decoder
    clusters = SoftAssignment(torch.from_numpy(start.cluster_centers_)).to(device)
    trained = [*encoder.parameters(), *clusters.parameters()]
    if reconstruction:
        trained += decoder.parameters()
    optimizer = torch.optim.Adam(trained, lr=RATE)
    rows = torch.from_numpy(features)
    assigned, changed, updates = start.labels_, 1.0, 0

    for look in tqdm(range(MAX_PASSES), desc=progress, disable=not progress):
        with torch.inference_mode():
            soft = clusters(torch.from_numpy(encode(encoder, features, device)).to(device)).cpu()
        target, before, assigned = target_distribution(soft), assigned, soft.argmax(dim=1).numpy()
        changed = float(np.mean(assigned != before))
        if look and changed < TOLERANCE:
            break
        encoder.train()
        # Clones: what inference mode made cannot enter a loss.
        for (batch,), wanted in tensor_batches((rows,), target.clone(), BATCH, True, seed + look):
            batch, wanted = batch.to(device), wanted.to(device)
            codes = encoder(batch)
            loss = nn.functional.kl_div(clusters(codes).log(), wanted, reduction="batchmean")
            if reconstruction:
                loss = PULL * loss + nn.functional.mse_loss(decoder(codes), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            updates += 1
        if not torch.isfinite(loss):
            raise StageError(f"DEC diverged after {updates} updates (loss is not finite)")
    empty = start.n_clusters - len(np.unique(assigned))
    return Refined(encoder.eval(), clusters.eval(), updates, changed, empty)


def assign(found: Refined, features: np.ndarray, device: torch.device) -> np.ndarray:
    """The most probable cluster (n,) of each row of features (n, d)."""
    both = nn.Sequential(found.encoder, found.clusters)
    return predict(both, _batches(features), device).argmax(axis=1)


def _linear(layers: nn.Sequential) -> list[nn.Linear]:
    return [layer for layer in layers if isinstance(layer, nn.Linear)]


def _batches(features: np.ndarray):
    return tensor_batches((torch.from_numpy(features),), None, 4096, False, 0)


def _train(model, features, updates, seed, device, progress):
    batches = tensor_batches((features,), features, BATCH, True, seed)
    epochs = math.ceil(updates / len(batches))
    config = TrainConfig(epochs, BATCH, RATE, optimizer="adam", amp=False)
    fit(model, batches, None, nn.functional.mse_loss, config, device, progress=progress)
