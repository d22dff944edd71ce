"""What a node does with a study: find its vertebrae and describe them in DICOM."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from spondyl.dicom.node.config import NodeConfig

__all__ = ["ProcessStudy"]


@dataclass(frozen=True)
class ProcessStudy:
    """From a folder of instances to the objects to be sent.

    Attributes:
        model: Model folder; ``None`` is the one that ships with Spondyl.
        threads: CPU threads.
        results: What to make: ``"seg"``, ``"sr"``, ``"rtstruct"``.
    """

    model: Path | None = None
    threads: int | None = None
    results: tuple[str, ...] = ("seg", "sr")

    @classmethod
    def from_config(cls, config: NodeConfig) -> Self:
        """What a node is told."""
        return cls(config.model, config.threads, config.results)

    def __call__(self, study: Path, results: Path) -> None:
        """Process the series of a study that shows the spine best.

        Where no vertebra is found there is nothing to segment: only the structured report is made.

        Args:
            study: Folder of its instances.
            results: Empty folder for the objects.

        Raises:
            ImageError: it holds no series that can be read.
            OutputError: an object cannot be written.
        """
        from spondyl.dicom import read_series, write_rtstruct, write_seg, write_sr
        from spondyl.inference import load_pipeline
        from spondyl.morphometry import measure

        series = read_series(study)
        spine = load_pipeline(self.model, threads=self.threads)(series.volume)
        if "seg" in self.results and len(spine):
            write_seg(spine, series, results / "1-seg.dcm")
        if "sr" in self.results:
            measured = measure(series.volume, spine)
            write_sr(spine, series, results / "2-sr.dcm", measurements=measured)
        if "rtstruct" in self.results and len(spine):
            write_rtstruct(spine, series, results / "3-rtstruct.dcm")
