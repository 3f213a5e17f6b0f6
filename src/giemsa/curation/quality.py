"""Check the manifest with Great Expectations, and say what was found in plain words."""

from __future__ import annotations

import gc
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from giemsa.curation.quality_rules import Rule, Tables, rules, tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from giemsa.settings import Validate


@dataclass(frozen=True)
class Finding:
    """What one rule found.

    Args:
        rule: its name.
        sentence: what it demands.
        limit: the demand in figures.
        observed: what was found, in words.
        critical: whether breaking it stops the run.
        passed: whether it holds.
        expectations: the names of the expectations behind it.
    """

    rule: str
    sentence: str
    limit: str
    observed: str
    critical: bool
    passed: bool
    expectations: tuple[str, ...]


@dataclass(frozen=True)
class Quality:
    """The manifest's state.

    Args:
        findings: one per rule.
        found: the manifest that the rules looked at.
    """

    findings: tuple[Finding, ...]
    found: Tables

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The critical rules that do not hold."""
        return tuple(finding for finding in self.findings if finding.critical and not finding.passed)

    @property
    def unreadable(self) -> list[tuple[str, str]]:
        """Path and reason of each image that was set aside."""
        aside = self.found.images[~self.found.images["readable"]]
        return list(zip(aside["path"], aside["reason"].fillna("no reason recorded"), strict=True))

    @property
    def drawn(self) -> bool:
        """Whether cells of the embedded demo are among the images."""
        return bool(self.found.images["drawn"].any())

    def as_json(self) -> dict[str, Any]:
        """Give everything a program may want to know; equal for equal manifests and limits."""
        counts = self.found.classes
        return {
            "passed": not self.broken,
            "drawn": self.drawn,
            "images": len(self.found.images),
            "readable": len(self.found.readable),
            "classes": {
                str(label): int(n) for label, n in sorted(zip(counts["label"], counts["images"], strict=True))
            },
            "rules": [asdict(finding) for finding in self.findings],
            "unreadable": [{"path": path, "reason": reason} for path, reason in self.unreadable],
        }


def check(manifest: pd.DataFrame, limits: Validate) -> Quality:
    """Hold the manifest against every rule.

    Args:
        manifest: as ``giemsa.data.manifest.read_manifest`` gives it.
        limits: what must hold, and which rules are critical.
    """
    found = tables(manifest)
    spelled = rules(found, limits)
    results: dict[str, list[Mapping[str, Any]]] = {}
    for table in ("images", "readable", "classes"):
        chosen = [rule for rule in spelled if rule.table == table]
        results |= _validate(getattr(found, table), chosen)
    return Quality(tuple(_finding(rule, results[rule.name], limits) for rule in spelled), found)


def _finding(rule: Rule, results: list[Mapping[str, Any]], limits: Validate) -> Finding:
    return Finding(
        rule.name,
        rule.sentence,
        rule.limit,
        rule.observed(results[-1]["result"]),
        critical=rule.name in limits.critical,
        passed=all(result["success"] for result in results),
        expectations=tuple(name for name, _ in rule.expectations),
    )


def _validate(table: pd.DataFrame, chosen: Iterable[Rule]) -> dict[str, list[Mapping[str, Any]]]:
    """Run the rules' expectations on one table; results by rule, in the rule's own order."""
    gx = _great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("manifest").add_dataframe_asset("table")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": table})
    results: dict[str, list[Mapping[str, Any]]] = {}
    for rule in chosen:
        suite = gx.ExpectationSuite(
            name=rule.name,
            expectations=[getattr(gx.expectations, name)(**given) for name, given in rule.expectations],
        )
        # The suite's results are sorted by kind of expectation: back to the rule's own order.
        order = [_snake(name) for name, _ in rule.expectations]
        found = batch.validate(suite, result_format="BASIC").results
        ordered = sorted(found, key=lambda result: order.index(result.expectation_config.type))
        results[rule.name] = [{"success": bool(each.success), "result": each.result} for each in ordered]
    return results


def _great_expectations() -> Any:  # noqa: ANN401 - it carries no types here
    # It reads this on import and would report its use to its makers.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # Its import makes half a million objects that stay: looking for garbage among them takes a fifth of it.
    collecting = gc.isenabled()
    gc.disable()
    try:
        import great_expectations as gx
    finally:
        if collecting:
            gc.enable()
    return gx


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")
