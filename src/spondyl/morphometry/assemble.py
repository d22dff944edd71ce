"""All measurements of one scan."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from spondyl.anatomy import NAMES, RANK, label_of, name_of
from spondyl.errors import AnnotationError
from spondyl.io.images import NOT_HU
from spondyl.label_boxes import label_boxes
from spondyl.morphometry import gates
from spondyl.morphometry.angles import coronal_curves, sagittal_angles
from spondyl.morphometry.density import CONTRAST
from spondyl.morphometry.discs import cross, measure_disc, refused_disc
from spondyl.morphometry.endplates import Edge
from spondyl.morphometry.examine import Examined, examine
from spondyl.morphometry.frame import spine_directions
from spondyl.morphometry.genant import GRADES, Loss, gradable, grade_of, height_losses
from spondyl.morphometry.heights import Heights, landmarks_mm
from spondyl.morphometry.result import DiscMeasures, Measurement, Morphometry, VertebraMeasures
from spondyl.morphometry.sampling import Box
from spondyl.morphometry.shape import Shape
from spondyl.spine import Flag, Spine, Vertebra
from spondyl.volume import Volume

__all__ = ["HEIGHT_VALUES", "measure"]

Progress = Callable[[int, int], None]

HEIGHT_VALUES: Final = {
    "height_anterior": "mm",
    "height_middle": "mm",
    "height_posterior": "mm",
    "depth": "mm",
    "width": "mm",
    "ratio_anterior_posterior": "1",
    "ratio_middle_posterior": "1",
    "height_loss": "1",
    "genant_grade": "grade",
}
"""Values that stand and fall with the endplates, name to unit."""

_NOT_GRADED: Final = Flag("not_defined", "Genant's grades are defined for thoracic and lumbar vertebrae.")
_OUTSIDE_RANGE: Final = Flag(
    "outside_t4_l4", "Genant's grades are defined for T4 to L4; the same rule was used here."
)
_NO_NEIGHBOURS: Final = Flag(
    "neighbour_missing",
    "Fewer than two undeformed neighbours: compared with its own back only, so that a crush goes unseen.",
)
_NEAR_LIMIT: Final = Flag("near_limit", "The height loss is within its uncertainty of the next grade.")
_FRACTURED: Final = Flag("deformed", "The body has lost height; compressed bone is denser than it was.")
_NO_DENSITY: Final = Measurement.refusal(
    "HU", Flag(NOT_HU.code, "The values of the scan may not be Hounsfield units.")
)
_C1, _S1 = label_of("C1"), label_of("S1")
_OPTIONAL: Final = {RANK[label_of(name)] for name in ("T12", "T13", "L5", "L6")}  # not in every spine
_FARTHEST_MM: Final = 60.0  # between the centres of neighbours
_GENANT = range(RANK[label_of("T4")], RANK[label_of("L4")] + 1)


def measure(
    volume: Volume, spine: Spine, *, edge: Edge = "hu", progress: Progress | None = None
) -> Morphometry:
    """Measure every vertebra, every disc and the curves of a spine.

    Args:
        volume: The scan in HU, any orientation and spacing.
        spine: Its vertebrae, with the mask on the scan's grid. Without a mask all is refused.
        edge: What places endplates: ``"hu"`` the compact layer seen in the CT near the mask's
            surface, which forgives a coarse mask, or ``"mask"`` that surface itself.
        progress: Called with the number of vertebrae done and their total.

    Raises:
        AnnotationError: the mask does not lie on the scan's grid.
    """
    if spine.mask is not None and not spine.mask.grid.is_close(volume.grid, 0.1):
        raise AnnotationError(
            f"the mask's grid {spine.mask.grid.shape} is not that of the scan {volume.grid.shape}; "
            "use the scan that the mask was made from"
        )
    boxes = _boxes(spine)
    found: dict[int, Examined] = {}
    for done, (vertebra, direction) in enumerate(zip(spine, spine_directions(spine), strict=True), 1):
        box = boxes.get(vertebra.label)
        found[vertebra.label] = examine(volume, spine.mask, box, vertebra, direction, edge)
        if progress is not None:
            progress(done, len(spine))
    pairs = [(a.label, b.label) for a, b in pairwise(spine) if _adjacent(a, b)]
    found = _without_crossings(found, pairs)
    losses = height_losses({label: e.heights for label, e in found.items() if e.heights is not None})
    shapes = {label: e.shape for label, e in found.items() if e.shape is not None}
    reasons = {label: e.reason for label, e in found.items() if e.reason is not None}
    cobb, curves = coronal_curves(shapes)
    contrast = any(e.contrast for e in found.values())
    if any(remark.code == NOT_HU.code for remark in volume.remarks):
        found = {label: replace(e, density=e.density and _NO_DENSITY) for label, e in found.items()}
    return Morphometry(
        tuple(_vertebra(label, e, losses.get(label), contrast=contrast) for label, e in found.items()),
        tuple(_disc(above, below, found) for above, below in pairs),
        {"coronal_cobb": cobb, **sagittal_angles(shapes, reasons)},
        curves,
    )


def _boxes(spine: Spine) -> dict[int, Box]:
    """Where in the mask every vertebra is."""
    if spine.mask is None:
        return {}
    boxes = label_boxes(spine.mask.data.astype(np.uint8, copy=False), max(NAMES))
    return {label: box for label in spine.labels if (box := boxes[label - 1]) is not None}


def _without_crossings(
    found: Mapping[int, Examined], pairs: Iterable[tuple[int, int]]
) -> dict[int, Examined]:
    """The same without endplates that cross their neighbour's; which of the two is wrong, nobody knows."""
    kept = dict(found)
    for above, below in pairs:
        upper, lower = found[above].shape, found[below].shape
        if upper is not None and lower is not None and cross(upper, lower):
            kept[above], kept[below] = kept[above].without("lower"), kept[below].without("upper")
    return kept


def _vertebra(label: int, found: Examined, loss: Loss | None, *, contrast: bool) -> VertebraMeasures:
    """Put together one vertebra's values."""
    reason = found.reason or gates.NO_MASK
    if found.heights is None or found.shape is None:
        values = {name: Measurement.refusal(unit, reason) for name, unit in HEIGHT_VALUES.items()}
    else:
        values = {**_heights(found.heights, found.shape), **_grades(found.shape, loss)}
    graded = values["height_loss"].value
    deformed = graded is not None and graded >= GRADES[0]
    values["trabecular_hu"] = _density(found, deformed=deformed, contrast=contrast)
    values["volume"] = found.volume or Measurement.refusal("ml", reason)
    points = {} if found.heights is None or found.shape is None else landmarks_mm(found.shape)
    return VertebraMeasures(label, values, loss.deformity if loss is not None and deformed else None, points)


def _heights(heights: Heights, shape: Shape) -> dict[str, Measurement]:
    """Heights, their ratios, and the extent of the body."""
    front, middle, back = heights.values
    wall_sd = float(0.5 + 0.2 * shape.spacing_mm)
    return {
        "height_anterior": Measurement(float(front), "mm", heights.sd),
        "height_middle": Measurement(float(middle), "mm", heights.sd),
        "height_posterior": Measurement(float(back), "mm", heights.sd),
        "depth": Measurement(shape.walls.depth, "mm", wall_sd),
        "width": Measurement(shape.walls.width, "mm", wall_sd),
        "ratio_anterior_posterior": _ratio(front, back, heights.sd),
        "ratio_middle_posterior": _ratio(middle, back, heights.sd),
    }


def _ratio(a: float, b: float, sd: float) -> Measurement:
    return Measurement(float(a / b), "1", float(sd * np.hypot(1 / b, a / b**2)))


def _grades(shape: Shape, loss: Loss | None) -> dict[str, Measurement]:
    """Height loss and Genant grade."""
    label = shape.label
    reason = None if loss is not None and gradable(label) else _NOT_GRADED
    reason = reason or gates.thick_slices(shape, gates.THICKEST_GRADED_MM)
    if loss is None or reason is not None:
        refused = reason or _NOT_GRADED
        return {
            "height_loss": Measurement.refusal("1", refused),
            "genant_grade": Measurement.refusal("grade", refused),
        }
    remarks = [] if RANK[label] in _GENANT else [_OUTSIDE_RANGE]
    if loss.neighbours < 2:
        remarks.append(_NO_NEIGHBOURS)
    if min(abs(loss.largest - limit) for limit in GRADES) < loss.sd:
        remarks.append(_NEAR_LIMIT)
    return {
        "height_loss": Measurement(loss.largest, "1", loss.sd, remarks=tuple(remarks)),
        "genant_grade": Measurement(grade_of(loss.largest), "grade", remarks=tuple(remarks)),
    }


def _density(found: Examined, *, deformed: bool, contrast: bool) -> Measurement:
    """Density with its remarks; refused in deformed bodies."""
    density = found.density
    if density is None:
        return Measurement.refusal("HU", found.reason or gates.NO_BODY)
    if density.value is None:
        return density
    if deformed:
        return Measurement.refusal("HU", _FRACTURED)
    return replace(density, remarks=(CONTRAST,) if contrast else ())


def _adjacent(above: Vertebra, below: Vertebra) -> bool:
    """Whether there is a disc between two vertebrae that follow each other in the spine."""
    gap = float(np.linalg.norm(np.subtract(above.centroid_mm, below.centroid_mm)))
    between = range(RANK[above.label] + 1, RANK[below.label])
    return set(between) <= _OPTIONAL and above.label not in (_C1, _S1) and gap < _FARTHEST_MM


def _disc(above: int, below: int, found: Mapping[int, Examined]) -> DiscMeasures:
    """Put together one disc's values."""
    shapes = [found[label].shape for label in (above, below)]
    for label, shape in zip((above, below), shapes, strict=True):
        if shape is None:
            reason = found[label].reason or gates.NO_MASK
            values = refused_disc(Flag(reason.code, f"{name_of(label)}: {reason.message}"))
            return DiscMeasures(above, below, values)
    return DiscMeasures(above, below, measure_disc(*(shape for shape in shapes if shape is not None)))
