"""Curvature of the spine from endplates: lateral curves, thoracic kyphosis, lumbar lordosis.

An endplate's angle in a view is that of the line in which its plane meets the view's plane, as in a
coronal or sagittal reformat of the scan; the patient's own axes are those of the scan's world frame.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from spondyl.anatomy import ORDER, RANK, label_of, name_of
from spondyl.morphometry.endplates import Endplate
from spondyl.morphometry.gates import NO_CORNERS
from spondyl.morphometry.heights import plate_sd_mm, shows_its_lean
from spondyl.morphometry.result import Curve, Measurement
from spondyl.morphometry.shape import Shape
from spondyl.spine import Flag

__all__ = ["SAGITTAL", "coronal_curves", "sagittal_angles"]

SAGITTAL: Final = {
    "thoracic_kyphosis_t4_t12": ("T4", "upper", "T12", "lower", 1),
    "lumbar_lordosis_l1_s1": ("L1", "upper", "S1", "upper", -1),
    "lumbar_lordosis_l1_l5": ("L1", "upper", "L5", "lower", -1),
}
"""Name to vertebra and endplate above, vertebra and endplate below, and the sign that makes it positive."""

_SCOLIOSIS_DEG: Final = 10.0
_SPAN: Final = 0.8  # of width or depth: lever over which an endplate's slope is known
_TOP, _BOTTOM = RANK[label_of("C7")], RANK[label_of("L6")]

_SMALL: Final = Flag("below_10_degrees", "Curves below 10 degrees do not count as scoliosis.")
_LYING: Final = Flag("lying", "Measured lying down; curves are larger in a standing patient.")
_TOO_FEW: Final = Flag("neighbour_missing", "At least three vertebrae with both endplates are needed.")


def sagittal_angles(shapes: Mapping[int, Shape], reasons: Mapping[int, Flag]) -> dict[str, Measurement]:
    """Kyphosis (T4-T12) and lordosis (L1-S1, L1-L5), positive in an ordinary spine.

    Args:
        shapes: Vertebrae that were found well enough.
        reasons: Why others were not, by VerSe number.
    """
    return {name: _sagittal(shapes, reasons, *ends) for name, ends in SAGITTAL.items()}


def _sagittal(
    shapes: Mapping[int, Shape],
    reasons: Mapping[int, Flag],
    *ends: str | int,
) -> Measurement:
    above, above_side, below, below_side, sign = ends
    tilts, variances = [], []
    for name, side in ((above, above_side), (below, below_side)):
        label = label_of(str(name))
        shape = shapes.get(label)
        plate = None if shape is None else getattr(shape, str(side))
        if shape is None or plate is None or not shows_its_lean(shape, plate):
            reason = NO_CORNERS if shape is not None else reasons.get(label)
            if reason is None:
                return Measurement.refusal("deg", Flag("neighbour_missing", f"{name} was not found."))
            return Measurement.refusal("deg", Flag(reason.code, f"{name}: {reason.message}"))
        tilts.append(_tilt(shape, plate, 1))
        variances.append(_tilt_sd(shape, plate, shape.walls.depth) ** 2)
    value = int(sign) * (tilts[0] - tilts[1])
    return Measurement(value, "deg", float(np.sqrt(sum(variances))), remarks=(_LYING,))


def coronal_curves(shapes: Mapping[int, Shape]) -> tuple[Measurement, tuple[Curve, ...]]:
    """Largest lateral curve by Cobb's method, and all curves.

    The end vertebrae are those whose outer endplates lean most against each other. Above and below
    the largest curve, further ones of at least 10 degrees are looked for in the same way; they share
    their end vertebra with it.

    Args:
        shapes: Vertebrae that were found well enough; C7 to L6 count.
    """
    labels = [
        label
        for label in ORDER
        if label in shapes and _TOP <= RANK[label] <= _BOTTOM and _shows_both(shapes[label])
    ]
    if len(labels) < 3:
        return Measurement.refusal("deg", _TOO_FEW), ()
    main = _largest(labels, shapes)
    first, last = labels.index(main.upper), labels.index(main.lower)
    parts = [labels[: first + 1], labels[last:]]
    others = [_largest(part, shapes) for part in parts if len(part) >= 3]
    curves = [main, *(c for c in others if (c.angle.value or 0) >= _SCOLIOSIS_DEG)]
    curves.sort(key=lambda curve: -(curve.angle.value or 0))
    return main.angle, tuple(curves)


def _largest(labels: Sequence[int], shapes: Mapping[int, Shape]) -> Curve:
    """The pair of vertebrae, at least two apart, whose outer endplates lean most against each other."""
    upper = {label: _tilt(shapes[label], _plate(shapes[label], "upper"), 0) for label in labels}
    lower = {label: _tilt(shapes[label], _plate(shapes[label], "lower"), 0) for label in labels}
    pairs = [(a, b) for i, a in enumerate(labels) for b in labels[i + 2 :]]
    top, bottom = max(pairs, key=lambda pair: abs(upper[pair[0]] - lower[pair[1]]))
    angle = upper[top] - lower[bottom]
    variance = sum(
        _tilt_sd(shapes[label], _plate(shapes[label], side), shapes[label].walls.width) ** 2
        for label, side in ((top, "upper"), (bottom, "lower"))
    )
    remarks = (_LYING,) if abs(angle) >= _SCOLIOSIS_DEG else (_SMALL, _LYING)
    ends = Flag("end_vertebrae", f"Between {name_of(top)} and {name_of(bottom)}.")
    measurement = Measurement(abs(angle), "deg", float(np.sqrt(variance)), remarks=(ends, *remarks))
    return Curve(top, bottom, measurement, "left" if angle > 0 else "right")


def _shows_both(shape: Shape) -> bool:
    return all(plate is not None and shows_its_lean(shape, plate) for plate in (shape.lower, shape.upper))


def _plate(shape: Shape, side: str) -> Endplate:
    plate = shape.upper if side == "upper" else shape.lower
    if plate is None:
        raise ValueError(f"{name_of(shape.label)} has no {side} endplate")
    return plate


def _tilt(shape: Shape, plate: Endplate, axis: int) -> float:
    """Lean of an endplate's normal to the right (``axis`` 0) or to the front (1), degrees."""
    normal = shape.normal_mm(plate)
    return float(np.degrees(np.arctan2(normal[axis], normal[2])))


def _tilt_sd(shape: Shape, plate: Endplate, span_mm: float) -> float:
    """Standard deviation of an endplate's lean: both its ends are off independently."""
    return float(np.degrees(np.sqrt(2) * plate_sd_mm(shape, plate) / (_SPAN * span_mm)))
