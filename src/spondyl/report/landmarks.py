"""Where heights were measured: every vertebra cut in the middle, with the points on its endplates."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from spondyl.report.style import DARK, DPI, bone_window, new_figure, rim, text_colour
from spondyl.report.surface import sample
from spondyl.volume import Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spondyl.morphometry import Morphometry, VertebraMeasures

__all__ = ["landmarks_png"]

FloatArray = npt.NDArray[np.float64]

_PLACES: Final = ("anterior", "middle", "posterior")
_HALF_MM: Final = (29.0, 25.0)  # shown to either side: front-back, up-down
_PIXEL_MM: Final = 0.4
_SLAB_MM: Final = 2.0
_TILE_PX: Final = (176, 152)
_PER_ROW: Final = 6


@dataclass(frozen=True, eq=False)
class _Frame:
    """The middle of a body and its axes in the plane of its landmarks."""

    middle_mm: FloatArray
    front: FloatArray
    up: FloatArray
    right: FloatArray

    @classmethod
    def of(cls, points: Mapping[str, tuple[float, float, float]]) -> "_Frame":
        upper, lower = (
            np.array([points[f"{side}_{place}"] for place in _PLACES]) for side in ("upper", "lower")
        )
        up = upper.mean(axis=0) - lower.mean(axis=0)
        up /= np.linalg.norm(up)
        front = upper[0] + lower[0] - upper[2] - lower[2]
        front -= (front @ up) * up
        front /= np.linalg.norm(front)
        return cls((upper.mean(axis=0) + lower.mean(axis=0)) / 2, front, up, np.cross(front, up))

    def flat(self, points_mm: npt.ArrayLike) -> FloatArray:
        """World points ``(n, 3)`` to ``(n, 2)``: mm to the front and up."""
        away = np.asarray(points_mm, float) - self.middle_mm
        return np.stack([away @ self.front, away @ self.up], axis=-1)


def landmarks_png(scan: Volume, measured: "Morphometry") -> bytes | None:
    """Draw every vertebra whose heights were measured, head to foot; ``None`` without any.

    Args:
        scan: HU, any orientation and spacing.
        measured: With landmarks.
    """
    shown = [v for v in measured.vertebrae if len(v.landmarks_mm) == 2 * len(_PLACES)]
    if not shown:
        return None
    columns = min(len(shown), _PER_ROW)
    rows = -(-len(shown) // columns)
    width, height = columns * _TILE_PX[0], rows * _TILE_PX[1]
    figure = new_figure(width, height, dark=True)
    for number, vertebra in enumerate(shown):
        row, column = divmod(number, columns)
        axes = figure.add_axes(
            (column / columns + 0.004, 1 - (row + 1) / rows + 0.008, 1 / columns - 0.008, 1 / rows - 0.016)
        )
        _draw(axes, scan, vertebra)
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=DPI, facecolor=DARK)
    return stream.getvalue()


def _draw(axes: "Axes", scan: Volume, vertebra: "VertebraMeasures") -> None:
    from spondyl.anatomy import name_of

    frame = _Frame.of(vertebra.landmarks_mm)
    image = _cut(scan, frame)
    low, high = np.percentile(image, (2, 99.7))
    vmin, vmax = bone_window(float(low), float(high))
    across, along = _HALF_MM
    axes.imshow(
        image, cmap="gray", vmin=vmin, vmax=vmax, origin="lower", extent=(-across, across, -along, along)
    )
    colour = text_colour(vertebra.label)
    flat = {name: frame.flat(point) for name, point in vertebra.landmarks_mm.items()}
    for side in ("upper", "lower"):
        line = np.array([flat[f"{side}_{place}"] for place in _PLACES])
        axes.plot(*line.T, "-o", color=colour, linewidth=1.2, markersize=3.2, markeredgewidth=0)
    for place in _PLACES:
        ends = np.array([flat[f"upper_{place}"], flat[f"lower_{place}"]])
        axes.plot(*ends.T, color=colour, linewidth=0.7, linestyle=(0, (3, 3)))
        value = vertebra.values[f"height_{place}"].value
        if value is not None:
            x, y = ends.mean(axis=0)
            axes.text(
                x, y, f"{value:.0f}", color="white", fontsize=7, ha="center", va="center", path_effects=rim()
            )
    axes.text(
        0.03, 0.96, name_of(vertebra.label), transform=axes.transAxes, color=colour, fontsize=10,
        fontweight="bold", va="top",
    )  # fmt: skip
    axes.set_xlim(across, -across)  # the front on the left, as in the preview
    axes.set_ylim(-along, along)
    axes.set_axis_off()


def _cut(scan: Volume, frame: _Frame) -> npt.NDArray[np.float32]:
    """HU in the plane of the landmarks, ``(up, front)``, averaged over a thin slab."""
    ahead, above = (np.arange(-half, half, _PIXEL_MM) + _PIXEL_MM / 2 for half in _HALF_MM)
    points = frame.middle_mm + ahead[None, :, None] * frame.front + above[:, None, None] * frame.up
    shifts = (-_SLAB_MM / 2, 0.0, _SLAB_MM / 2)
    slab = [sample(scan, points + shift * frame.right) for shift in shifts]
    return np.asarray(np.mean(slab, axis=0), np.float32)
