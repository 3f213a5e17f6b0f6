"""Every tunable: ``params.yaml`` read once into frozen, strict sections."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from giemsa.errors import UsageError

Fraction = Annotated[float, Field(ge=0, le=1)]
Distance = Annotated[int, Field(ge=0, le=64)]
Engine = Literal["local", "ray"]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
RuleName = Literal[
    "schema",
    "count",
    "readability",
    "labels",
    "classes",
    "count_per_class",
    "imbalance",
    "sizes",
    "modes",
    "brightness",
    "sharpness",
]


class Section(BaseModel):
    """A part of ``params.yaml``: frozen, no conversions, no unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Image(Section):
    """How a picture becomes what a network sees, and what is too large to open."""

    size: Annotated[int, Field(ge=16, le=512, description="side of the network's input, in pixels")]
    crop_px: Annotated[int, Field(ge=16, description="centre crop where both sides exceed it, in pixels")]
    max_pixels: Annotated[int, Field(ge=1, description="larger pictures are set aside unopened")]
    max_bytes: Annotated[int, Field(ge=1, description="larger files are set aside unread")]


class Validate(Section):
    """What the manifest must hold; ``critical`` names the rules that stop the run."""

    min_classes: Annotated[int, Field(ge=2)]
    min_per_class: Count
    max_imbalance: Annotated[float, Field(ge=1, description="largest class over smallest")]
    min_side_px: Count
    max_unreadable: Fraction
    brightness: Annotated[tuple[Fraction, Fraction], Field(strict=False, description="mean grey value, 0..1")]
    sharpness_min: Annotated[float, Field(ge=0, description="variance of the Laplacian, grey 0..1")]
    max_outside: Annotated[Fraction, Field(description="share of images allowed outside a range")]
    critical: tuple[RuleName, ...] = Field(strict=False)

    @field_validator("brightness")
    @classmethod
    def _ascends(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if limits[0] >= limits[1]:
            message = "the first value must be smaller than the second"
            raise ValueError(message)
        return limits


class Deduplicate(Section):
    """When two images count as one."""

    max_distance: Annotated[Distance, Field(description="bits of a 64-bit dHash: candidates only")]
    min_similarity: Annotated[Fraction, Field(description="structural, after registration: it is one cell")]
    symmetries: Annotated[bool, Field(description="also find turned and mirrored copies")]
    junk_copies: Annotated[int, Field(ge=2, description="equal pictures under two labels or more: junk")]


class Split(Section):
    """The shares of the validation and test sides; the rest trains."""

    validation: Annotated[float, Field(gt=0, lt=0.5)]
    test: Annotated[float, Field(gt=0, lt=0.5)]
    seed: Seed


class Fitting(Section):
    """What training a network has in common, whatever the network."""

    seed: Seed
    budget_minutes: Annotated[float, Field(gt=0, description="on two cores; counted in images, so exact")]
    max_epochs: Count
    batch_size: Count
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    class_weight: Annotated[float, Field(ge=0, le=1, description="0: none, 1: inverse class frequency")]
    average: Annotated[float, Field(ge=0, lt=1, description="decay of the averaged weights")]
    patience: Annotated[
        int, Field(ge=1, description="epochs without a better validation score before stopping")
    ]


class Train(Fitting):
    """The network trained from scratch."""

    widths: Annotated[
        tuple[Annotated[int, Field(ge=2)], ...],
        Field(strict=False, min_length=1, description="channels of each residual stage"),
    ]


class FineTune(Fitting):
    """The pretrained network: its head alone, then its upper layers too."""

    backbone: Literal["MobileNetV3Small-0.75", "MobileNetV3Small-1.0", "MobileNetV3Large-1.0"]
    enlarged_px: Annotated[
        int, Field(ge=32, le=512, description="side to which the backbone's input is brought")
    ]
    weights: Literal["imagenet", "none"]
    head_epochs: Count
    head_learning_rate: Annotated[float, Field(gt=0)]
    frozen_layers: Annotated[int, Field(ge=0, description="layers of the backbone that stay as they were")]


class Reject(Section):
    """When a model says that a picture is none of the cells it knows."""

    false_rejection: Annotated[float, Field(gt=0, lt=0.5, description="share of real cells rejected")]


class Evaluate(Section):
    """How the test split is judged."""

    resamples: Annotated[int, Field(ge=100, le=100_000, description="bootstrap, by what stays together")]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    corruptions: Annotated[bool, Field(description="also score the corruption suite")]
    seed: Seed


class Register(Section):
    """What a new model must show before it becomes champion."""

    model: Annotated[str, Field(pattern=r"^\w[\w .-]*$", description="the registered model's name")]
    min_gain: Annotated[float, Field(ge=0, description="macro-F1 above the champion's")]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    max_recall_loss: Annotated[Fraction, Field(description="largest drop allowed in any one class")]


class Watch(Section):
    """What is reason enough to retrain."""

    new_images: Annotated[int, Field(ge=1, description="images in the inbox that no batch holds yet")]
    max_age_days: Annotated[float, Field(gt=0, le=36_500, description="since the champion was promoted")]
    drift_images: Annotated[int, Field(ge=10, description="new images it takes to speak of drift")]
    psi: Annotated[float, Field(gt=0, description="population stability index of a large shift")]
    significance: Annotated[float, Field(gt=0, lt=0.5, description="corrected p-value of a real one")]


class Serve(Section):
    """What one request to the server, and all of them at once, may ask for."""

    max_files: Annotated[int, Field(ge=1, le=1_000, description="images in one request")]
    max_bytes: Annotated[int, Field(ge=1, description="of all uploads that are being worked on")]
    max_requests: Annotated[int, Field(ge=1, description="at once; more are told to come back")]
    max_seconds: Annotated[float, Field(gt=0, description="for one request, its upload included")]


class Compute(Section):
    """Where wide work runs; what comes out is the same, except for what ``trainers`` share."""

    engine: Engine
    workers: Annotated[int, Field(ge=0, description="threads, or cores for Ray here; 0: one per core")]
    trainers: Annotated[int, Field(ge=1, description="processes of Ray that train one network together")]

    @model_validator(mode="after")
    def _has_an_engine(self) -> Self:
        if self.trainers > 1 and self.engine != "ray":
            message = "more than one of trainers takes engine: ray"
            raise ValueError(message)
        return self


HERE = Compute(engine="local", workers=0, trainers=1)


class Params(Section):
    """All of ``params.yaml``."""

    image: Image
    validate_: Annotated[Validate, Field(alias="validate")]
    deduplicate: Deduplicate
    split: Split
    train: Train
    fine_tune: FineTune
    reject: Reject
    evaluate: Evaluate
    register_: Annotated[Register, Field(alias="register")]
    watch: Watch
    serve: Serve
    compute: Compute

    def section(self, name: str) -> Section:
        """Give the section that ``params.yaml`` calls ``name``."""
        fields = {field.alias or key: key for key, field in type(self).model_fields.items()}
        section: Section = getattr(self, fields[name])
        return section


def load_params(path: Path) -> Params:
    """Read and check ``params.yaml``.

    Raises:
        UsageError: naming every unknown key and every value out of range at once.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        message = f"{path} is missing: run giemsa in the project's folder, or restore the file from git."
        raise UsageError(message) from None
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        reason = " ".join(str(error).split())
        message = f"{path} cannot be read ({reason}): mend it, or restore it from git."
        raise UsageError(message) from None
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise UsageError(_in_one_sentence(path, error)) from None


def params_or_defaults(path: Path) -> Params:
    """Read ``path`` where it exists, else giemsa's own ``params.yaml``: for commands that stand alone."""
    packaged = Path(__file__).with_name("params.yaml")
    in_checkout = Path(__file__).parents[2] / "params.yaml"
    standing = (path, packaged, in_checkout)
    return load_params(next((file for file in standing if file.is_file()), path))


def _in_one_sentence(path: Path, error: ValidationError) -> str:
    faults = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"]) or "the file"
        faults.append(f"{key}: {_plain(fault['type'], fault['msg'], fault.get('input'))}")
    return f"{path} has {len(faults)} wrong value(s): {'; '.join(faults)}; mend them and run again."


def _plain(kind: str, message: str, value: Any) -> str:  # noqa: ANN401
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "missing"
    if kind == "value_error" and isinstance(value, dict):
        return message.removeprefix("Value error, ")  # of a whole section, which needs no repeating
    return f"{message[0].lower()}{message[1:]}, not {value!r}"
