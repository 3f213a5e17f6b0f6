"""What a manifest must hold: each rule in plain words and in the words of Great Expectations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from giemsa.data.manifest import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from giemsa.settings import RuleName, Validate

COLOUR_MODES = ("RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "P", "PA")

Expectation = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Tables:
    """The manifest from three sides.

    Args:
        images: one row per image that came in, as the manifest has it.
        readable: the readable ones, with ``shorter_side`` in pixels.
        classes: one row per class of readable images, largest first, ties by name: ``label``, ``images`` and
            ``times_smaller`` than the largest class.
    """

    images: pd.DataFrame
    readable: pd.DataFrame
    classes: pd.DataFrame


@dataclass(frozen=True)
class Rule:
    """One demand on the manifest.

    Args:
        name: as ``validate.critical`` in ``params.yaml`` calls it.
        sentence: what it demands, in plain words.
        limit: the demand in figures.
        table: which of the ``Tables`` it looks at.
        expectations: classes of Great Expectations with their arguments; all must hold.
        observed: what was found, in words, from the last expectation's result.
    """

    name: RuleName
    sentence: str
    limit: str
    table: Literal["images", "readable", "classes"]
    expectations: tuple[Expectation, ...]
    observed: Callable[[Mapping[str, Any]], str]


def tables(manifest: pd.DataFrame) -> Tables:
    """Look at the manifest from the three sides that rules need."""
    readable = manifest[manifest["readable"]]
    readable = readable.assign(shorter_side=readable[["width", "height"]].min(axis=1))
    counts = readable["label"].value_counts().rename_axis("label").reset_index(name="images")
    counts = counts.sort_values(["images", "label"], ascending=[False, True], ignore_index=True)
    return Tables(manifest, readable, counts.assign(times_smaller=counts["images"].max() / counts["images"]))


def rules(found: Tables, limits: Validate) -> tuple[Rule, ...]:
    """Spell out every rule for these limits, in the order in which a person wants to read them."""
    return (*_whole_set(limits), *_classes(found.classes, limits), *_pictures(limits))


def _whole_set(limits: Validate) -> tuple[Rule, ...]:
    least = limits.min_classes * limits.min_per_class
    return (
        Rule(
            "schema",
            "The manifest has the columns that giemsa writes, and names every image once.",
            f"{len(SCHEMA.names)} columns, no path twice",
            "images",
            (
                ("ExpectTableColumnsToMatchOrderedList", {"column_list": list(SCHEMA.names)}),
                ("ExpectColumnValuesToNotBeNull", {"column": "path"}),
                ("ExpectColumnValuesToBeUnique", {"column": "path"}),
            ),
            lambda result: f"{result['unexpected_count']:,} paths twice or missing",
        ),
        Rule(
            "count",
            "There are enough images to fill the smallest set that is allowed.",
            f"at least {least:,} images",
            "images",
            (("ExpectTableRowCountToBeBetween", {"min_value": least}),),
            lambda result: f"{result['observed_value']:,} images",
        ),
        Rule(
            "readability",
            "Nearly every file can be read; the others are set aside.",
            f"at most {limits.max_unreadable:.1%} unreadable",
            "images",
            (_mostly("Set", "readable", limits.max_unreadable, value_set=[True]),),
            _outside,
        ),
        Rule(
            "labels",
            "Nearly every image has a class; the others cannot train or judge a model.",
            f"at most {limits.max_outside:.1%} without a class",
            "images",
            (("ExpectColumnValuesToNotBeNull", {"column": "label", "mostly": 1 - limits.max_outside}),),
            _outside,
        ),
    )


def _classes(classes: pd.DataFrame, limits: Validate) -> tuple[Rule, ...]:
    smallest, largest = (_of(classes, row) for row in (-1, 0))
    small = [
        _of(classes, row) for row in range(len(classes)) if classes["images"][row] < limits.min_per_class
    ]
    return (
        Rule(
            "classes",
            "There are several classes to tell apart.",
            f"at least {limits.min_classes} classes",
            "classes",
            (("ExpectTableRowCountToBeBetween", {"min_value": limits.min_classes}),),
            lambda result: (
                f"{result['observed_value']:,} class{'' if result['observed_value'] == 1 else 'es'}"
            ),
        ),
        Rule(
            "count_per_class",
            "Every class has enough readable images.",
            f"at least {limits.min_per_class:,} images in each class",
            "classes",
            (("ExpectColumnMinToBeBetween", {"column": "images", "min_value": limits.min_per_class}),),
            lambda _: f"too small: {', '.join(small)}" if small else f"the smallest class is {smallest}",
        ),
        Rule(
            "imbalance",
            "No class outnumbers another too far.",
            f"the largest class at most {limits.max_imbalance:g} times the smallest",
            "classes",
            (("ExpectColumnMaxToBeBetween", {"column": "times_smaller", "max_value": limits.max_imbalance}),),
            lambda result: f"{result['observed_value'] or 0:.1f} times ({largest} over {smallest})",
        ),
    )


def _pictures(limits: Validate) -> tuple[Rule, ...]:
    share = f"at most {limits.max_outside:.1%} outside"
    low, high = limits.brightness
    return (
        Rule(
            "sizes",
            "Pictures are large enough to show a cell.",
            f"shorter side of {limits.min_side_px} pixels or more, {share}",
            "readable",
            (_mostly("Between", "shorter_side", limits.max_outside, min_value=limits.min_side_px),),
            _outside,
        ),
        Rule(
            "modes",
            "Pictures are in colour, since the stain is what tells cells apart.",
            f"stored as {', '.join(COLOUR_MODES[:4])} or the like, {share}",
            "readable",
            (_mostly("Set", "mode", limits.max_outside, value_set=list(COLOUR_MODES)),),
            _outside,
        ),
        Rule(
            "brightness",
            "Pictures are neither nearly black nor nearly white.",
            f"mean grey value from {low:g} to {high:g}, {share}",
            "readable",
            (_mostly("Between", "brightness", limits.max_outside, min_value=low, max_value=high),),
            _outside,
        ),
        Rule(
            "sharpness",
            "Pictures are in focus, and not of one flat colour.",
            f"variance of the Laplacian of {limits.sharpness_min:g} or more, {share}",
            "readable",
            (_mostly("Between", "sharpness", limits.max_outside, min_value=limits.sharpness_min),),
            _outside,
        ),
    )


def _mostly(kind: Literal["Set", "Between"], column: str, outside: float, **limits: object) -> Expectation:
    name = {"Set": "ExpectColumnValuesToBeInSet", "Between": "ExpectColumnValuesToBeBetween"}[kind]
    return name, {"column": column, "mostly": 1 - outside, **limits}


def _outside(result: Mapping[str, Any]) -> str:
    return f"{result['unexpected_count']:,} of {result['element_count']:,} images ({_share(result):.1%})"


def _share(result: Mapping[str, Any]) -> float:
    return float(result["unexpected_count"] / max(result["element_count"], 1))


def _of(classes: pd.DataFrame, row: int) -> str:
    if classes.empty:
        return "none"
    label, images = classes.iloc[row][["label", "images"]]
    return f"{label} with {images:,}"
