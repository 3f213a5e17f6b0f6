"""Networks take raw pixels of any size and tell logits and features."""

import numpy as np
import pytest

from giemsa.training.networks import ensemble, mobilenet, multiply_adds, residual_network, sized


def _views(side: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (2, side, side, 3)).astype(np.float32)


@pytest.mark.parametrize("side", [32, 48])
def test_the_residual_network_takes_any_resolution(side: int) -> None:
    said = residual_network(5, widths=(8, 12), dropout=0.1)(_views(side))
    assert said["logits"].shape == (2, 5)
    assert said["features"].shape == (2, 12)


def test_mobilenet_enlarges_what_it_sees() -> None:
    network = mobilenet(3, backbone="MobileNetV3Small-0.75", enlarged=64, dropout=0.1)
    said = network(_views(32))
    assert said["logits"].shape == (2, 3)
    assert network.get_layer("enlarged").output.shape == (None, 64, 64, 3)


def test_a_sized_network_computes_the_same() -> None:
    network = residual_network(4, widths=(8, 12), dropout=0.5)
    fixed = sized(network, 32)
    assert fixed.input_shape == (None, 32, 32, 3)
    for name, value in network(_views(32), training=False).items():
        np.testing.assert_allclose(fixed(_views(32), training=False)[name], value, atol=1e-5)


def test_an_ensemble_averages_calibrated_logits_and_keeps_all_features() -> None:
    members = [residual_network(4, widths=(8, width), dropout=0) for width in (12, 16)]
    first, second = (member(_views(32), training=False) for member in members)
    for number, member in enumerate(members):
        member.name = f"member{number}"
    said = ensemble(members, [0.5, 2.0])(_views(32), training=False)
    np.testing.assert_allclose(said["logits"], (2 * first["logits"] + second["logits"] / 2) / 2, atol=1e-5)
    np.testing.assert_array_equal(said["features"], np.hstack([first["features"], second["features"]]))


def test_work_grows_with_the_square_of_the_side() -> None:
    small, large = (multiply_adds(residual_network(2, widths=(8, 8), dropout=0, size=s)) for s in (32, 64))
    assert large == pytest.approx(4 * small, rel=0.01)


def test_multiply_adds_are_counted_by_hand() -> None:
    # stem: 3x3x3x4 at 16x16; block: 3x3x4x8 and 3x3x8x8 at 8x8, shortcut 4x8 at 8x8; scores: 8x2
    assert multiply_adds(residual_network(2, widths=(8,), dropout=0, size=32)) == (
        27 * 4 * 256 + (36 * 8 + 72 * 8 + 4 * 8) * 64 + 16
    )
