"""What every pipeline's result goes through: quality checks, then measurements."""

from dataclasses import replace
from typing import TYPE_CHECKING

from spondyl.inference.steps import StepTimer
from spondyl.inference.tiling import Progress
from spondyl.quality import checked
from spondyl.spine import Spine
from spondyl.volume import Volume

if TYPE_CHECKING:
    from spondyl.inference import Pipeline

__all__ = ["ExaminedPipeline"]


class ExaminedPipeline:
    """A pipeline whose spines are checked and measured.

    Args:
        pipeline: Any :class:`~spondyl.inference.Pipeline`.
        measurements: Whether to measure; about 0.1 s per vertebra.
    """

    def __init__(self, pipeline: "Pipeline", *, measurements: bool = True) -> None:
        self.pipeline = pipeline
        self.measurements = measurements

    def __call__(self, volume: Volume, *, progress: Progress | None = None) -> Spine:
        """Find, name, segment, check and measure the vertebrae of one scan.

        Args:
            volume: HU, any orientation, spacing and field of view.
            progress: Called with (pieces done, pieces in all) of the networks' work.
        """
        spine = self.pipeline(volume, progress=progress)
        timer = StepTimer()
        with timer("quality"):
            spine = checked(spine, volume)
        if self.measurements:
            from spondyl.morphometry import measure

            with timer("measurements"):
                spine = replace(spine, measurements=measure(volume, spine))
        timings = {**spine.provenance.get("timings_s", {}), **timer.seconds}
        return replace(spine, provenance={**spine.provenance, "timings_s": timings})
