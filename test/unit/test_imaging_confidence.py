"""Confidence maps against closed forms, against the whole network solved sparsely, and against MONAI's implementation."""

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from medrobot_ros.imaging.confidence import ACROSS, ALONG, LEAST, confidence_map
from medrobot_ros.imaging.polar import block_means

LINES, SAMPLES = 64, 128


def speckle(seed: int, reflector_db: float = 0.0, lines: tuple[int, int] = (20, 36), depth: int = 40) -> np.ndarray:
    """Log-compressed speckle over 60 dB that fades with depth, with a reflector and its shadow, (LINES, SAMPLES)."""
    rng = np.random.default_rng(seed)
    level_db = -20.0 - 20.0 * np.arange(SAMPLES) / SAMPLES + 20.0 * np.log10(rng.rayleigh(0.8, (LINES, SAMPLES)))
    if reflector_db:
        level_db[slice(*lines), depth : depth + 3] += reflector_db
        level_db[slice(*lines), depth + 3 :] -= 40.0
    return np.clip(255.0 * (1.0 + level_db / 60.0), 0.0, 255.0).astype(np.float32)


def whole_network(grey: np.ndarray, alpha: float, beta: float, gamma: float) -> np.ndarray:
    """The unreduced network, edge by edge from the paper."""
    lines, samples = grey.shape
    c = grey * (1.0 - np.exp(-alpha * np.arange(samples) / (samples - 1)))
    node = np.arange(grey.size).reshape(grey.shape)
    pairs = (
        ((slice(None), slice(1, None)), (slice(None), slice(-1)), 0.0),
        ((slice(1, None), slice(None)), (slice(-1), slice(None)), gamma),
        ((slice(1, None), slice(1, None)), (slice(-1), slice(-1)), np.sqrt(2.0) * gamma),
        ((slice(1, None), slice(-1)), (slice(-1), slice(1, None)), np.sqrt(2.0) * gamma),
    )
    greatest = max(np.abs(c[a] - c[b]).max() for a, b, _ in pairs)
    i, j, w = [], [], []
    for a, b, penalty in pairs:
        i.append(node[a].ravel())
        j.append(node[b].ravel())
        w.append(np.exp(-beta * (np.abs(c[a] - c[b]).ravel() / greatest + penalty)) + LEAST)
    i, j, w = (np.concatenate(v) for v in (i, j, w))
    W = coo_matrix((np.r_[w, w], (np.r_[i, j], np.r_[j, i])), shape=(grey.size, grey.size)).tocsc()
    laplacian = (coo_matrix((np.asarray(W.sum(axis=0)).ravel(), (node.ravel(), node.ravel()))) - W).tocsc()
    probe, free = node[:, 0], node[:, 1:-1].ravel()
    out = np.zeros(grey.size)
    out[probe] = 1.0
    out[free] = spsolve(laplacian[free][:, free], -laplacian[free][:, probe] @ np.ones(lines))
    return out.reshape(grey.shape)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_an_even_image_loses_confidence_linearly():
    found = confidence_map(np.zeros((LINES, SAMPLES), np.float32))
    depth = (ALONG * np.arange(SAMPLES // ALONG) + 0.5 * (ALONG - 1)) / (SAMPLES - 1)
    assert found.shape == (LINES // ACROSS, SAMPLES // ALONG)
    assert np.abs(found - (1.0 - depth)).max() < 1e-5


def test_confidence_falls_below_a_reflector_and_stays_beside_it():
    found = confidence_map(speckle(1, reflector_db=25.0))
    below, beside = found[6:8, 16:26].mean(), found[12:15, 16:26].mean()
    assert below < 0.3 * beside


def test_a_mirrored_image_has_a_mirrored_map():
    grey = speckle(2, reflector_db=20.0)
    assert np.allclose(confidence_map(grey[::-1]), confidence_map(grey)[::-1], atol=1e-5)


def test_only_relative_differences_of_grey_count():
    grey = speckle(3)
    assert np.allclose(confidence_map(0.5 * grey), confidence_map(grey), atol=1e-4)


@pytest.mark.parametrize(("parameters", "moves"), [((2.5, 90.0, 0.05), 1e-3), ((2.0, 60.0, 0.05), 1e-2), ((2.0, 90.0, 0.03), 1e-3)])
def test_every_parameter_changes_the_map(parameters, moves):
    grey = speckle(4, reflector_db=20.0)
    assert np.abs(confidence_map(grey, *parameters) - confidence_map(grey)).max() > moves


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("reflector_db", [0.0, 15.0, 30.0])
def test_the_reduced_network_agrees_with_the_whole_one(seed, reflector_db):
    grey = speckle(seed, reflector_db)
    found = confidence_map(grey)
    whole = block_means(whole_network(grey, 2.0, 90.0, 0.05), *found.shape)
    assert correlation(found, whole) > 0.95
    assert found.min() >= -1e-9 and found.max() <= 1.0 + 1e-9


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("reflector_db", [0.0, 15.0, 30.0])
def test_the_map_agrees_with_monai(seed, reflector_db):
    torch = pytest.importorskip("torch", reason="MONAI needs torch")
    transforms = pytest.importorskip("monai.transforms", reason="MONAI is not installed")
    grey = speckle(seed, reflector_db)
    theirs = transforms.UltrasoundConfidenceMapTransform(alpha=2.0, beta=90.0, gamma=0.05)(torch.as_tensor(grey.T[None]))
    found = confidence_map(grey)
    assert correlation(found, block_means(np.squeeze(np.asarray(theirs)).T, *found.shape)) > 0.95
