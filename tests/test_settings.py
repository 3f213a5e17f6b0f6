from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giemsa.errors import UsageError
from giemsa.settings import Params, load_params, params_or_defaults

PARAMS = Path(__file__).parents[1] / "params.yaml"


def written(tmp_path: Path, old: str, new: str) -> Path:
    text = PARAMS.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_every_wrong_value_is_named_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "size: 96", "size: 5\n  colour: red")
    text = path.read_text(encoding="utf-8").replace("junk_copies: 10", 'junk_copies: "many"')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_params(path)
    message = str(caught.value)
    assert message.startswith(f"{path} has 3 wrong value(s)")
    assert "image.size: input should be greater than or equal to 16, not 5" in message
    assert "image.colour: unknown key" in message
    assert "deduplicate.junk_copies" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_age_days: 90.0", "max_age_days: .inf"),
        ("seed: 2024", "seed: 99999999999"),
        ("resamples: 2000", "resamples: 1000000000"),
        ("learning_rate: 4e-3", "learning_rate: .nan"),
    ],
)
def test_a_number_that_would_fail_later_is_named_now(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(UsageError, match=new.partition(":")[0]):
        load_params(written(tmp_path, old, new))


def test_a_missing_section_is_named(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("image: {size: 96}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"deduplicate: missing.*split: missing"):
        load_params(path)


@pytest.mark.parametrize("content", [b"image: [", b"\xff\xfe\x00", b""])
def test_what_is_no_yaml_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load_params(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_where_to_stand(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is missing: run giemsa in the project's folder"):
        load_params(tmp_path / "params.yaml")


def test_a_number_with_an_exponent_is_a_number(tmp_path: Path) -> None:
    path = written(tmp_path, "learning_rate: 4e-3", "learning_rate: 1e-3")
    assert load_params(path).train.learning_rate == 0.001


def test_sections_go_by_the_names_of_the_file() -> None:
    params = load_params(PARAMS)
    assert params.section("validate") is params.validate_
    assert params.section("fine_tune") is params.fine_tune


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_wrong_shape_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Params.model_validate({"image": value})


def test_a_command_that_stands_alone_has_defaults(tmp_path: Path) -> None:
    assert params_or_defaults(tmp_path / "params.yaml") == load_params(PARAMS)


def test_several_trainers_take_ray(tmp_path: Path) -> None:
    path = written(tmp_path, "trainers: 1", "trainers: 2")
    with pytest.raises(UsageError, match="compute: more than one of trainers takes engine: ray;"):
        load_params(path)
