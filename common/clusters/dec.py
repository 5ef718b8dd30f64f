"""Deep embedded clustering: a stacked autoencoder, then its code and the clusters refined together.

Xie, Girshick and Farhadi, "Unsupervised deep embedding for clustering analysis", ICML 2016 (DEC);
Guo et al., "Improved deep embedded clustering with local structure preservation", IJCAI 2017
(IDEC: DEC that keeps the autoencoder's reconstruction loss).
"""

import logging
import math
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor, nn
from torchvision.ops import MLP

from common.artifacts import StageError
from common.runtime import Progress
from common.training import TensorBatches, TrainConfig, fit, predict

log = logging.getLogger(__name__)

AE, DEC, IDEC = "AE+K-Means", "DEC", "IDEC"
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
IDEC_WEIGHT = 0.1  # of the clustering loss beside the reconstruction


class Clustering(NamedTuple):
    """A cluster per row (n,), the space (n, d) in which the method found them, seconds."""

    method: str
    assigned: np.ndarray
    space: np.ndarray
    seconds: float


class AutoEncoder(nn.Module):
    """Symmetric MLP with ReLU, `widths` from the input to the code; (n, widths[0]) in and out.

    In training a share of the input is zeroed, so that the code has to hold what fills the gaps
    (Vincent et al., "Stacked denoising autoencoders", JMLR 2010).
    """

    def __init__(self, widths: tuple[int, ...]):
        super().__init__()
        self.corrupt = nn.Dropout(CORRUPTION)
        self.encoder, self.decoder = (MLP(w[0], w[1:], dropout=0) for w in (widths, widths[::-1]))

    def forward(self, features: Tensor) -> Tensor:
        return self.decoder(self.encoder(self.corrupt(features)))


class SoftAssignment(nn.Module):
    """DEC's clustering layer: codes (n, d) -> cluster probabilities (n, k).

    Student's t with one degree of freedom around `centres` (k, d); the paper's equation 1.
    """

    def __init__(self, centres: Tensor):
        super().__init__()
        self.centres = nn.Parameter(centres.clone())

    def forward(self, codes: Tensor) -> Tensor:
        similarity = 1 / (1 + torch.cdist(codes, self.centres).square())
        return similarity / similarity.sum(dim=1, keepdim=True)


def settings() -> dict:
    """What results follow from, beside the data."""
    values = (HIDDEN, CODE, CORRUPTION, LAYER_UPDATES, WHOLE_UPDATES, RATE, TOLERANCE)
    names = "hidden code corruption layer_updates whole_updates rate tolerance"
    return dict(zip(names.split(), values, strict=True))


def scale(features: np.ndarray, train: np.ndarray) -> np.ndarray:
    """float32 features (n, d), scaled to a mean squared length of d over training rows.

    The paper's normalisation; it makes one learning rate serve every data set.
    """
    length = np.square(features[train], dtype=np.float64).sum(axis=1).mean()
    return (features * np.sqrt(features.shape[1] / length)).astype(np.float32)


def cluster(
    features: np.ndarray, train: np.ndarray, k: int, seed: int, device: torch.device, idec=False
) -> Iterator[Clustering]:
    """K-Means on an autoencoder's codes, then DEC (or IDEC), which starts from it.

    features: (n, d), see :func:`scale`; networks and K-Means are fitted on the rows `train`. The
    pretraining serves both, and counts in the seconds of both.
    """
    started = time.perf_counter()
    autoencoder = pretrain(features[train], seed, device)
    codes = encode(autoencoder.encoder, features, device)
    start = kmeans(codes[train], k, seed)
    yield Clustering(AE, start.predict(codes), codes, time.perf_counter() - started)
    clusters, _ = refine(autoencoder, features[train], start, seed, device, idec)
    codes = encode(autoencoder.encoder, features, device)
    assigned = encode(clusters, codes, device).argmax(axis=1)
    yield Clustering(IDEC if idec else DEC, assigned, codes, time.perf_counter() - started)


def pretrain(features: np.ndarray, seed: int, device: torch.device) -> AutoEncoder:
    """A denoising autoencoder of `features` (n, d), trained layer by layer, then as a whole."""
    torch.manual_seed(seed)
    widths = (features.shape[1], *HIDDEN, CODE)
    whole, inputs = AutoEncoder(widths), torch.from_numpy(features)

    def train(model: nn.Module, inputs: Tensor, updates: int, progress: str) -> None:
        batches = TensorBatches((inputs,), inputs, BATCH, True, seed)
        epochs = math.ceil(updates / len(batches))
        config = TrainConfig(epochs, BATCH, RATE, optimizer="adam", amp=False)
        fit(model, batches, None, nn.functional.mse_loss, config, device, progress=progress)

    encoders, decoders = (
        [layer for layer in half if isinstance(layer, nn.Linear)]
        for half in (whole.encoder, reversed(whole.decoder))
    )
    hidden = inputs
    for depth, (encoder, decoder) in enumerate(zip(encoders, decoders, strict=True), 1):
        layer = AutoEncoder(widths[depth - 1 : depth + 1])
        # The whole network's layers, so that what they learn stays, with the ReLU that follows.
        layer.encoder = nn.Sequential(encoder, *([nn.ReLU()] if depth < len(encoders) else []))
        layer.decoder = nn.Sequential(decoder, *([nn.ReLU()] if depth > 1 else []))
        train(layer, hidden, LAYER_UPDATES, f"autoencoder layer {depth}")
        hidden = torch.from_numpy(encode(layer.encoder, hidden.numpy(), device))
    train(whole, inputs, WHOLE_UPDATES, "autoencoder")
    return whole


def encode(module: nn.Module, features: np.ndarray, device: torch.device) -> np.ndarray:
    """What a module gives for all rows of features (n, d)."""
    batches = TensorBatches((torch.from_numpy(features),), None, 4096, False, 0)
    return predict(module, batches, device)


def kmeans(codes: np.ndarray, k: int, seed: int) -> KMeans:
    return KMeans(k, n_init=RESTARTS, random_state=seed).fit(codes)


def target_distribution(assigned: Tensor) -> Tensor:
    """Sharpened, each cluster weighed by its size: (n, k) -> (n, k); the paper's equation 3."""
    weight = assigned.square() / assigned.sum(dim=0)
    return weight / weight.sum(dim=1, keepdim=True)


def refine(
    autoencoder: AutoEncoder,
    features: np.ndarray,
    start: KMeans,
    seed: int,
    device: torch.device,
    idec: bool = False,
) -> tuple[SoftAssignment, float]:
    """DEC on `features` (n, d) from a pretrained autoencoder, which is changed in place.

    `start`: K-Means on the autoencoder's codes of these rows. The target distribution is taken over
    all rows, anew before each pass. Ends when fewer than `TOLERANCE` change cluster. Returns
    the clusters (codes -> probabilities) and that share. `idec`: with the autoencoder's loss.
    """
    encoder, decoder, name = autoencoder.encoder, autoencoder.decoder, IDEC if idec else DEC
    clusters = SoftAssignment(torch.from_numpy(start.cluster_centers_)).to(device)
    modules = nn.ModuleList([encoder, clusters, *([decoder] if idec else [])])
    optimizer = torch.optim.Adam(modules.parameters(), lr=RATE)
    rows = torch.from_numpy(features)
    assigned, changed, updates = start.labels_, 1.0, 0

    for number in Progress(range(MAX_PASSES), name, unit="passes"):
        # Clones below: tensors of inference mode cannot enter a loss.
        with torch.inference_mode():
            soft = clusters(torch.from_numpy(encode(encoder, features, device)).to(device)).cpu()
        target, before, assigned = target_distribution(soft), assigned, soft.argmax(dim=1).numpy()
        changed = float(np.mean(assigned != before))
        if number and changed < TOLERANCE:
            break
        encoder.train()
        for (batch,), sharp in TensorBatches((rows,), target.clone(), BATCH, True, seed + number):
            batch, sharp = batch.to(device), sharp.to(device)
            codes = encoder(batch)
            loss = nn.functional.kl_div(clusters(codes).log(), sharp, reduction="batchmean")
            if idec:
                loss = IDEC_WEIGHT * loss + nn.functional.mse_loss(decoder(codes), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            updates += 1
        if not torch.isfinite(loss):
            raise StageError(f"{name} diverged after {updates} updates (loss is not finite)")
    log.info("%s, seed %d: %d updates, %.2f%% changed", name, seed, updates, 100 * changed)
    if empty := start.n_clusters - len(np.unique(assigned)):
        log.warning("%s, seed %d collapsed: %d clusters are empty", name, seed, empty)
    encoder.eval()
    return clusters.eval(), changed
