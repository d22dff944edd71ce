"""What ``spondyl predict`` says: tables or lines for people, JSON for programs, and the exit code."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from spondyl.batch import Failure, Record, Scan
    from spondyl.cli._progress import ScanBars
    from spondyl.result import Result

_FEW: Final = 3
"""So many scans get a table each; more get a line each."""


class Report:
    """Tells about scan after scan, then about all.

    Args:
        count: Scans to come.
        problems: Inputs in which no scan was found.
        as_json: Say nothing about single scans on the standard output, and give a summary at the end.
        none_is_fine: That there are no scans to come is no mistake: they are in other parts.
    """

    def __init__(
        self, count: int, problems: "Sequence[Failure]", *, as_json: bool, none_is_fine: bool = False
    ) -> None:
        from rich.console import Console

        from spondyl.batch.pace import Pace

        self._pace = Pace(count)
        self._console = Console(quiet=as_json, highlight=False, soft_wrap=True, markup=False)
        self._problems = problems
        self._as_json = as_json
        self._none_is_fine = none_is_fine
        self._results: list[dict[str, Any]] = []
        self._failed: list[dict[str, str]] = []
        self._passed_over: list[dict[str, str]] = []
        self._counts = {"done": 0, "skipped": 0, "failed": 0}
        for problem in problems:
            _complain(problem.message)
            self._failed.append({"input": str(problem.path), "error": problem.message})

    def tell_passed_over(self, scans: "Sequence[Scan]") -> None:
        """What lies beside the scans and is not read, with the reasons."""
        for scan in scans:
            for reason in scan.passed_over:
                self._passed_over.append({"input": scan.place, "name": scan.name, "reason": reason})
                self._console.print(f"{scan.name}: not read: {reason}")

    def add(self, record: "Record", bars: "ScanBars") -> None:
        """One scan is through."""
        self._pace.add(worked=record.status != "skipped")
        bars.seen(self._pace.seen, str(self._pace))
        self._counts["failed" if record.bad else record.status] += 1
        if record.bad:
            again = "" if record.status == "failed" else " (in an earlier run; --retry-failed tries again)"
            _complain(f"{record.message}{again}")
            self._failed.append({"input": record.source, "error": str(record.message)})
        elif record.result is None:  # another run has it
            self._console.print(f"{record.name}: {record.message}")
        else:
            if self._as_json:
                self._results.append(_entry(record))
            self._show(record, record.result)

    def finish(self, out: str) -> int:
        """Say what became of all scans; gives the exit code."""
        total = sum(self._counts.values())
        nothing = not total and not self._none_is_fine
        if nothing and not self._problems:
            _complain("no input given; name scans or folders of scans")
        if self._as_json:
            sys.stdout.write(json.dumps(self._summary(), indent=2) + "\n")
        if total > _FEW:
            counts = ", ".join(f"{count} {status}" for status, count in self._counts.items() if count)
            self._console.print(f"{total} scans: {counts}; {self._pace}".removesuffix("; "))
        if self._counts["failed"] and total > _FEW:
            _complain(f"{self._counts['failed']} of {total} scans failed; the manifest in {out} lists them")
        if self._failed or nothing:
            return 1 if total > self._counts["failed"] else 2
        return 0

    def _show(self, record: "Record", result: "Result") -> None:
        from rich.text import Text

        how = f"in {record.seconds:.1f} s" if record.status == "done" else f"({record.message})"
        count = len(record.vertebrae)
        title = f"{record.name}: {count} {'vertebra' if count == 1 else 'vertebrae'} {how}"
        if self._pace.count <= _FEW:
            self._console.print(_table(result, title) if result.vertebrae else Text(title, "bold"))
            for line in _remarks(result):
                self._console.print(line)
            self._console.print(f"files: {record.folder}\n")
        elif record.status == "done":  # hundreds done before need no line each
            flags = f" ({', '.join(record.flags)})" if record.flags else ""
            self._console.print(f"{self._pace.seen}/{self._pace.count} {title}{flags}; {self._pace}")

    def _summary(self) -> dict[str, Any]:
        """What ``--json`` prints; documented in docs/predict.md."""
        import spondyl

        return {
            "schema_version": 1,
            "program": {"name": "spondyl", "version": spondyl.__version__},
            "results": self._results,
            "failed": self._failed,
            "not_read": self._passed_over,
        }


def _entry(record: "Record") -> dict[str, Any]:
    return {
        "name": record.name,
        "input": record.source,
        "folder": record.folder,
        "status": record.status,
        "seconds": record.seconds,
        "result": None if record.result is None else record.result.model_dump(mode="json"),
    }


def _table(result: "Result", title: str) -> Any:
    from rich.table import Table

    table = Table("vertebra", title=title, title_justify="left", title_style="bold")
    for heading in ("x mm", "y mm", "z mm", "probability"):
        table.add_column(heading, justify="right")
    for vertebra in result.vertebrae:
        sure = "–" if vertebra.probability is None else f"{vertebra.probability:.0%}"
        table.add_row(vertebra.name, *(f"{value:.1f}" for value in vertebra.centroid_mm), sure)
    return table


def _remarks(result: "Result") -> list[str]:
    """Every remark once, with the vertebrae it is about."""
    about: dict[str, list[str]] = {flag.message: [] for flag in result.flags}
    for vertebra in result.vertebrae:
        for flag in vertebra.flags:
            about.setdefault(flag.message, []).append(vertebra.name)
    return [": ".join([*filter(None, [", ".join(names)]), message]) for message, names in about.items()]


def _complain(message: str) -> None:
    sys.stderr.write(f"spondyl: {message}\n")
