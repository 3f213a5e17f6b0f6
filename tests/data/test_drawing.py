"""Drawn cells."""

import numpy as np
import pytest

from giemsa.data.drawing import KINDS, draw_cell
from giemsa.data.drawing_shapes import Field, blend, chain, disc, grain, open_field, smooth


@pytest.fixture
def field() -> Field:
    return open_field(64, 80, 1.0, np.random.default_rng(3))


def test_the_eight_classes_are_those_of_the_published_cells() -> None:
    assert list(KINDS) == sorted(KINDS)
    assert len(KINDS) == 8


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_is_drawn_the_same_from_the_same_state(kind: str) -> None:
    first, second = (draw_cell(kind, np.random.default_rng(7)) for _ in range(2))
    assert first.shape == (96, 96, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert not np.array_equal(first, draw_cell(kind, np.random.default_rng(8)))


def test_a_cell_is_darker_than_what_surrounds_it() -> None:
    for kind in KINDS:
        picture = draw_cell(kind, np.random.default_rng(5)).astype(float)
        assert picture[43:53, 43:53].mean() < picture[[0, -1]].mean() - 20


def test_a_platelet_is_the_smallest_and_has_no_nucleus() -> None:
    dark = {
        kind: np.mean(
            [(draw_cell(kind, np.random.default_rng(seed))[..., 1] < 90).mean() for seed in range(8)]
        )
        for kind in KINDS
    }
    assert min(dark, key=lambda kind: dark[kind]) == "platelet"


def test_a_larger_picture_shows_the_same_cell_larger() -> None:
    picture = draw_cell("neutrophil", np.random.default_rng(1), height=360, width=363, scale=200 / 96)
    assert picture.shape == (360, 363, 3)
    assert (picture[80:280, 80:280, 1] < 90).mean() > 0.02


def test_a_disc_has_its_radius(field: Field) -> None:
    distance = disc(field, 0, 0, 12)
    assert distance.shape == (64, 80)
    assert (distance < 0).sum() == pytest.approx(np.pi * 12**2, rel=0.02)


def test_a_chain_of_lobes_covers_more_than_one(field: Field) -> None:
    one, four = (chain(field, centre=(0, 0), lobes=lobes, lobe=7, bow=14, arc=3, turn=0) for lobes in (1, 4))
    assert (four < 0).sum() > 2 * (one < 0).sum()


def test_grain_has_mean_zero_and_deviation_one(field: Field) -> None:
    texture = grain(field, 1.5)
    assert texture.mean() == pytest.approx(0, abs=1e-4)
    assert texture.std() == pytest.approx(1, abs=1e-4)


def test_cover_is_one_inside_and_nothing_outside(field: Field) -> None:
    picture = np.full((64, 80, 3), 200, np.float32)
    blend(picture, (10, 20, 30), smooth(disc(field, 0, 0, 9)))
    assert picture[32, 40].tolist() == pytest.approx([10, 20, 30])
    assert picture[0, 0].tolist() == [200, 200, 200]


def test_a_window_holds_all_of_a_disc(field: Field) -> None:
    window = field.window(30, -25, 11)
    assert (disc(field.cut(window), 30, -25, 10) < 0).sum() == (disc(field, 30, -25, 10) < 0).sum()
