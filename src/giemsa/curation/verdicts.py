"""A person's decisions on images: ``decisions.csv``, which overrides what giemsa would decide."""

from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from giemsa.errors import UsageError

COLUMNS = ("path", "decision", "label", "reviewer", "reason")


class Verdict(BaseModel):
    """What a person decided of one image: a line of ``decisions.csv``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(min_length=1)
    decision: Literal["keep", "drop"]
    label: str = ""
    reviewer: str = ""
    reason: str = ""

    @property
    def because(self) -> str:
        """Say who decided and why."""
        return f"decided by {self.reviewer or 'a person'}" + (f": {self.reason}" if self.reason else "")


def read_verdicts(path: Path) -> dict[str, Verdict]:
    """Read a person's decisions, by path; without the file there are none.

    Raises:
        UsageError: naming every line that is wrong.
    """
    if not path.is_file():
        return {}
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (ValueError, UnicodeDecodeError) as error:
        message = (
            f"{path} is no CSV file ({' '.join(str(error).split())}): save it as CSV with commas, UTF-8."
        )
        raise UsageError(message) from None
    if missing := [name for name in COLUMNS[:2] if name not in table.columns]:
        message = f"{path} lacks the column(s) {', '.join(missing)}: it needs {', '.join(COLUMNS)}."
        raise UsageError(message)
    verdicts: dict[str, Verdict] = {}
    faults = []
    for line, row in enumerate(table.to_dict("records"), start=2):
        try:
            verdict = Verdict.model_validate(row)
        except ValidationError as error:
            faults.append(f"line {line}: {_fault(error)}")
            continue
        if verdict.path in verdicts:
            faults.append(f"line {line}: {verdict.path} was decided before")
        verdicts[verdict.path] = verdict
    if faults:
        message = f"{path} has {len(faults)} wrong line(s): {'; '.join(faults)}; mend them and run again."
        raise UsageError(message)
    return verdicts


def _fault(error: ValidationError) -> str:
    faults = error.errors(include_url=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].lower()}" for fault in faults)
