"""What a node does with a study: find its vertebrae and describe them in DICOM."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from spondyl.dicom.headers import read_tags
from spondyl.dicom.identity_files import deidentify_file
from spondyl.dicom.tags import flag, text

if TYPE_CHECKING:
    from spondyl.dicom import DicomSeries
    from spondyl.dicom.node.config import NodeConfig

__all__ = ["ProcessStudy"]


@dataclass(frozen=True)
class ProcessStudy:
    """From a folder of instances to the objects to be sent.

    Attributes:
        model: Model folder; ``None`` is the one that ships with Spondyl.
        threads: CPU threads.
        results: What to make: ``"seg"``, ``"sr"``, ``"rtstruct"``; ``"ct"`` adds the series itself.
        secret: Removes the patient's identity from all of it, see :func:`spondyl.dicom.deidentify`; ``None``
            leaves it.
        dates: What becomes of dates then.
    """

    model: Path | None = None
    threads: int | None = None
    results: tuple[str, ...] = ("seg", "sr")
    secret: bytes | None = field(default=None, repr=False)
    dates: Literal["remove", "shift", "keep"] = "remove"

    @classmethod
    def from_config(cls, config: "NodeConfig", secret: bytes | None = None) -> Self:
        """What a node is told."""
        return cls(config.model, config.threads, config.results, secret, config.deidentify_dates)

    def __call__(self, study: Path, results: Path) -> None:
        """Process the series of a study that shows the spine best.

        Where no vertebra is found there is nothing to segment: only the structured report is made.

        Args:
            study: Folder of its instances.
            results: Empty folder for the objects; their names are the order in which to send them.

        Raises:
            ImageError: it holds no series that can be read.
            OutputError: an object cannot be written.
        """
        from spondyl.dicom import read_series

        series = read_series(study)
        self._describe(series, results)
        if "ct" in self.results:
            for number, file in enumerate(_files_of(study, series.series_uid)):
                (results / f"0-ct-{number:05}.dcm").write_bytes(file.read_bytes())
        if self.secret is not None:
            for file in sorted(results.iterdir()):
                deidentify_file(file, self.secret, dates=self.dates)

    def _describe(self, series: "DicomSeries", results: Path) -> None:
        """Find the vertebrae, write the objects."""
        from spondyl.dicom import write_rtstruct, write_seg, write_sr
        from spondyl.inference import load_pipeline

        report = "sr" in self.results
        spine = load_pipeline(self.model, threads=self.threads, measurements=report)(series.volume)
        if "seg" in self.results and len(spine):
            write_seg(spine, series, results / "1-seg.dcm")
        if report:
            write_sr(spine, series, results / "2-sr.dcm")
        if "rtstruct" in self.results and len(spine):
            write_rtstruct(spine, series, results / "3-rtstruct.dcm")


def _files_of(study: Path, series: str) -> list[Path]:
    """The files of one series of a study, in the order of their numbers."""
    found = []
    for file in study.iterdir():
        header = read_tags(file, ["SeriesInstanceUID", "InstanceNumber"])
        if text(header, "SeriesInstanceUID") == series:
            found.append((flag(header, "InstanceNumber"), file))
    return [file for _, file in sorted(found)]
