"""The default system: where is the spine, what is each vertebra, then what anatomy allows."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from spondyl.decoding.anatomical import Candidate, DecodedSpine, decode
from spondyl.decoding.ends import border_mm, shown_mm, trim_ends
from spondyl.decoding.gaps import fill_gaps
from spondyl.errors import ModelError
from spondyl.inference.engines import Engine, EngineName, Precision, load_engine
from spondyl.inference.evidence import Evidence, find_candidates, identify, refined
from spondyl.inference.fine import look_again
from spondyl.inference.region import followed, locate
from spondyl.inference.segmentation import Piece, segment, whole_piece
from spondyl.inference.steps import StepTimer, on_grid, provenance
from spondyl.inference.tiling import Progress
from spondyl.models import Model
from spondyl.recipes import recipe_from
from spondyl.recipes.spondyl import SpondylRecipe
from spondyl.spine import Flag, Spine, Vertebra
from spondyl.volume import Grid, Volume

__all__ = ["SpondylPipeline"]

_SURE: Final = 0.9
_STEPS: Final = 4
_LEARNT_FROM_MM: Final = 2.0  # the voxels that training patches are drawn from
_HALF_A_BODY_MM: Final = 9.0
_NO_SPINE: Final = Flag("no_spine", "No spine was found in this scan.")


class SpondylPipeline:
    """From a CT to a spine by the ``spondyl`` recipe.

    Args:
        detection: Network of the first stage, see :class:`~spondyl.networks.spine_unet.SpineUNet`.
        identification: Network of the second.
        segmentation: Network that draws the mask finely; ``None`` draws it from the second stage.
        recipe: Every constant.
        model: Where the networks come from, for the record.
    """

    def __init__(
        self,
        detection: Engine,
        identification: Engine,
        recipe: SpondylRecipe,
        model: Model | None = None,
        segmentation: Engine | None = None,
    ) -> None:
        self.recipe = recipe
        self._detection = detection
        self._identification = identification
        self._segmentation = segmentation
        self._model = model

    @classmethod
    def from_model(
        cls,
        model: Model,
        *,
        engine: EngineName = "auto",
        threads: int | None = None,
        precision: Precision = "f32",
    ) -> Self:
        """Load the networks of a model.

        Raises:
            ModelError: the model lacks a network, or is of another recipe.
            MissingDependencyError: the engine is not installed.
        """
        recipe = recipe_from(model.info.recipe, str(model.folder))
        if not isinstance(recipe, SpondylRecipe):
            raise ModelError(
                f"{model.folder}: recipe {model.info.recipe['name']!r} found, 'spondyl' expected"
            )
        detection = load_engine(model, "detection", engine, threads, precision)
        identification = load_engine(model, "identification", engine, threads, precision)
        segmentation = None
        if "segmentation" in model.info.stages:
            segmentation = load_engine(model, "segmentation", engine, threads, precision)
        return cls(detection, identification, recipe, model, segmentation)

    def __call__(self, volume: Volume, *, progress: Progress | None = None) -> Spine:
        """Find, name and segment the vertebrae of one scan.

        Args:
            volume: HU, any orientation, spacing and field of view.
            progress: Called with (steps done, steps in all).
        """
        timer = StepTimer()
        tell = progress or (lambda *_: None)
        scan = volume.reoriented("RAS")
        with timer("detection"):
            coarse = scan.averaged(_LEARNT_FROM_MM)
            region = locate(coarse, self._detection.run, self.recipe)
        if region is None:
            empty = Volume(np.zeros(volume.grid.shape, np.uint8), volume.grid)
            record = provenance(self._model, self._identification, timer.seconds)
            return Spine(mask=empty, flags=(_NO_SPINE,), provenance=record)
        tell(1, _STEPS)
        evidence, found, decoded = self._identified(coarse, region, timer)
        del coarse  # of a whole body, a hundred megabytes
        tell(2, _STEPS)
        with timer("decoding"):
            decoded = trim_ends(decoded, found, scan)
            decoded, candidates = fill_gaps(decoded, found, partial(refined, evidence))
        tell(3, _STEPS)
        chosen = [candidates[i] for i in decoded.chosen]
        points = np.array([candidate.centroid_mm for candidate in chosen]).reshape(-1, 3)
        with timer("segmentation"):
            mask = segment(scan, self._pieces(scan, evidence, points), points, decoded.labels)
            mask = on_grid(mask, volume.grid)
        tell(4, _STEPS)
        return Spine(
            _vertebrae(decoded, chosen, scan),
            mask,
            round(decoded.probability, 4) if chosen else None,  # no names, none to be right
            decoded.alternatives,
            _scan_flags(decoded),
            provenance(self._model, self._identification, timer.seconds) | {"anchors": list(decoded.anchors)},
        )

    def _identified(
        self, coarse: Volume, region: Grid, timer: StepTimer
    ) -> tuple[Evidence, list[Candidate], DecodedSpine]:
        """What the second stage sees, along the spine as long as that shows more of it."""
        count = 0
        while True:
            with timer("identification"):
                evidence = identify(coarse, region, self._identification.run, self.recipe)
            with timer("decoding"):
                found = find_candidates(evidence)
                decoded = decode(found)
            points = np.array([found[i].centroid_mm for i in decoded.chosen])
            longer = followed(region, coarse.grid, points, decoded.labels)
            if longer is None or len(points) <= count:
                return evidence, found, decoded
            region, count = longer, len(points)
            del evidence, found  # before as much again is taken

    def _pieces(self, scan: Volume, evidence: Evidence, points: npt.NDArray[np.float64]) -> Iterable[Piece]:
        """Where the mask is drawn from."""
        if self._segmentation is None or not len(points):
            return [whole_piece(evidence)]
        return look_again(scan, self._segmentation.run, self.recipe, points, evidence.ways)


def _vertebrae(decoded: DecodedSpine, chosen: Sequence[Candidate], scan: Volume) -> tuple[Vertebra, ...]:
    """The chosen candidates under their labels, those where the scan ends and those not seen flagged."""
    points = [candidate.centroid_mm for candidate in chosen]
    shown = [border_mm(point, scan.grid) for point in points]
    if len(points) > 1:
        shown[0] = shown_mm(points[0], points[0] - points[1], scan)
        shown[-1] = shown_mm(points[-1], points[-1] - points[-2], scan)
    return tuple(
        Vertebra(label, (x, y, z), round(chance, 4), _vertebra_flags(mm, candidate.presence))
        for label, (x, y, z), chance, mm, candidate in zip(
            decoded.labels, points, decoded.probabilities, shown, chosen, strict=True
        )
    )


def _vertebra_flags(to_end_mm: float, presence: float) -> tuple[Flag, ...]:
    """Whether the end of the scan cuts the vertebra, and whether it was seen at all."""
    flags = []
    if to_end_mm <= _HALF_A_BODY_MM:
        flags.append(Flag("partly_visible", "The border of the scan cuts this vertebra."))
    if presence == 0:
        flags.append(Flag("inferred", "Not seen by itself: its neighbours tell that it is there, and where."))
    return tuple(flags)


def _scan_flags(decoded: DecodedSpine) -> tuple[Flag, ...]:
    """Remarks about the numbering as a whole."""
    if not decoded.labels:
        return (_NO_SPINE,)
    flags = []
    if decoded.probability < _SURE:
        second = decoded.alternatives[0] if decoded.alternatives else None
        other = f"; the next best is {second.description} ({second.probability:.0%})" if second else ""
        message = f"The numbering is right with a probability of {decoded.probability:.0%}{other}."
        flags.append(Flag("numbering_uncertain", message))
    for label, name in ((28, "T13"), (25, "L6")):
        if label in decoded.labels:
            flags.append(Flag("enumeration_anomaly", f"The spine seems to have a {name}."))
    return tuple(flags)
