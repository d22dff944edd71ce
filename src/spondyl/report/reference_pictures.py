"""The four pictures of the reference system: detections, centroids, one detection, one identification."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spondyl.anatomy import LABEL_OF
from spondyl.report.canvas import draw_area, draw_directions, draw_scale_bar, draw_surface
from spondyl.report.preview import preview
from spondyl.report.style import ACCENT, FAINT, LIGHT, new_figure, save
from spondyl.report.surface import FloatArray, Surface, cut, guide_of, view_box
from spondyl.spine import Spine
from spondyl.volume import Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Compared", "centroid_row", "detection_grid", "detection_picture", "identification_picture"]

GAP_PX = 10
TEXT_PX = 26
LETTER_PX = 7
LONGEST = 32
"""Letters of a name beside a row; of a longer one the end is shown, where names of models differ."""


@dataclass(frozen=True, eq=False)
class Compared:
    """A scan with its true and predicted vertebrae."""

    name: str
    volume: Volume
    truth: Spine
    predicted: Spine


def detection_grid(
    scans: Mapping[str, Volume], detections: Mapping[str, Sequence[Volume]], path: Path | str
) -> None:
    """Detections of several models (rows) on several scans (columns), sagittal.

    All models see one cut of a scan: through the middle of what they detected together.

    Args:
        scans: Name to CT.
        detections: Name of a model to one mask per scan, in the order of ``scans``; not 0 is
            vertebra.
        path: Picture to write; the format follows the suffix.

    Raises:
        OutputError: the picture cannot be written.
    """
    columns = []
    for index, volume in enumerate(scans.values()):
        masks = [row[index] for row in detections.values()]
        guide = np.concatenate([guide_of(mask) for mask in masks])
        columns.append([_sagittal(volume, guide, mask) for mask in masks])
    names = [name if len(name) <= LONGEST else "…" + name[-LONGEST + 1 :] for name in detections]
    left = 2 * GAP_PX + LETTER_PX * max(map(len, names))
    panels = _Panels([column[0] for column in columns], len(detections), height=330, left=left)
    for column, (name, surfaces) in enumerate(zip(scans, columns, strict=True)):
        panels.write_above(column, name)
        for row, surface in enumerate(surfaces):
            axes = panels.axes(row, column)
            draw_surface(axes, surface)
            draw_area(axes, surface)
    for row, name in enumerate(names):
        panels.write_beside(row, name)
    save(panels.figure, path)


def centroid_row(cases: Sequence[Compared], path: Path | str) -> None:
    """Sagittal cuts with the true (white) and predicted (red) centroids, joined by lines and named.

    Below each cut stands the mean distance over labels that are both true and predicted, and how
    many those are.

    Args:
        cases: What to show, from left to right.
        path: Picture to write; the format follows the suffix.

    Raises:
        OutputError: the picture cannot be written.
    """
    surfaces = []
    for case in cases:
        guide = (case.truth if len(case.truth) else case.predicted).centroids_mm
        surfaces.append(_sagittal(case.volume, guide, None, both=[case.truth, case.predicted]))
    panels = _Panels(surfaces, 1, height=620, left=GAP_PX)
    for column, (case, surface) in enumerate(zip(cases, surfaces, strict=True)):
        axes = panels.axes(0, column)
        draw_surface(axes, surface)
        _draw_line(axes, surface, case.truth, "white", "right")
        _draw_line(axes, surface, case.predicted, ACCENT, "left")
        panels.write_above(column, case.name)
        panels.write_below(column, _mean_error(case))
    save(panels.figure, path)


def detection_picture(volume: Volume, detected: Volume, path: Path | str, *, title: str = "") -> None:
    """What one model detected, sagittal and coronal, in one colour.

    Args:
        volume: The CT.
        detected: Mask on any grid; not 0 is vertebra.
        path: Picture to write; the format follows the suffix.
        title: Written above.

    Raises:
        OutputError: the picture cannot be written.
    """
    guide = guide_of(detected)
    box = view_box(volume.grid, guide)
    surfaces = [
        cut(volume, guide, "sagittal", box, mask=detected),
        cut(volume, guide, "coronal", box, mask=detected),
    ]
    panels = _Panels(surfaces, 1, height=620, left=GAP_PX)
    for column, surface in enumerate(surfaces):
        axes = panels.axes(0, column)
        draw_surface(axes, surface)
        draw_area(axes, surface)
        draw_directions(axes, surface)
        draw_scale_bar(axes, surface)
    panels.write_above(0, title)
    volume_ml = float(
        np.count_nonzero(detected.data) * abs(np.linalg.det(detected.grid.affine[:3, :3])) / 1000
    )
    panels.write_below(0, f"detected: {volume_ml:.0f} ml")
    save(panels.figure, path)


def identification_picture(volume: Volume, labels: Volume, path: Path | str, *, title: str = "") -> None:
    """Which level each voxel was given, in colours, named at the middle of each level.

    Args:
        volume: The CT.
        labels: VerSe numbers on any grid.
        path: Picture to write; the format follows the suffix.
        title: Written above.

    Raises:
        OutputError: the picture cannot be written.
    """
    known = [int(label) for label in np.unique(labels.data) if label in LABEL_OF.values()]
    middles = {
        label: np.median(labels.grid.to_world(np.argwhere(labels.data == label)), axis=0) for label in known
    }
    preview(volume, Spine.from_centroids(middles, labels), path, title=title)


def _sagittal(volume: Volume, guide: FloatArray, mask: Volume | None, both: Sequence[Spine] = ()) -> Surface:
    """A sagittal cut with little around the spine."""
    shown = np.concatenate([guide, *(spine.centroids_mm for spine in both)])
    box = view_box(volume.grid, shown, margin_mm=(60, 60, 45))
    return cut(volume, guide, "sagittal", box, mask=mask)


def _draw_line(axes: "Axes", surface: Surface, spine: Spine, colour: str, side: str) -> None:
    """Centroids joined by a line; names on one side of it."""
    points = surface.project(spine.centroids_mm)
    axes.plot(
        *points.T,
        "-o",
        color=colour,
        linewidth=1.0,
        markersize=4,
        markeredgecolor="black",
        markeredgewidth=0.4,
    )
    for name, (x, y) in zip(spine.names, points, strict=True):
        axes.annotate(
            name,
            (x, y),
            xytext=(-9 if side == "right" else 9, 0),
            textcoords="offset points",
            color=colour,
            fontsize=8,
            fontweight="bold",
            ha=side,
            va="center",
        )


def _mean_error(case: Compared) -> str:
    errors = [
        float(np.linalg.norm(np.subtract(v.centroid_mm, case.predicted[v.label].centroid_mm)))
        for v in case.truth
        if v.label in case.predicted
    ]
    found = f"{len(errors)}/{len(case.truth)} labels"
    return f"{np.mean(errors):.1f} mm, {found}" if errors else found


class _Panels:
    """A figure with rows and columns of cuts: equal heights, widths as their scans need."""

    def __init__(self, surfaces: Sequence[Surface], rows: int, *, height: int, left: int) -> None:
        self.height = height
        self.widths = []
        for surface in surfaces:
            first, last, foot, head = surface.extent_mm
            self.widths.append(
                float(np.clip(height * (last - first) / (head - foot), 0.4 * height, 1.1 * height))
            )
        self.lefts = [left + sum(self.widths[:i]) + GAP_PX * i for i in range(len(self.widths))]
        self.size = (
            left + sum(self.widths) + GAP_PX * len(self.widths),
            rows * (height + GAP_PX) + 2 * TEXT_PX,
        )
        self.figure: Figure = new_figure(*self.size, dark=True)

    def axes(self, row: int, column: int) -> "Axes":
        width, height = self.size
        bottom = height - TEXT_PX - (row + 1) * self.height - row * GAP_PX
        return self.figure.add_axes(
            (self.lefts[column] / width, bottom / height, self.widths[column] / width, self.height / height)
        )

    def write_above(self, column: int, text: str) -> None:
        self._write(self.lefts[column], self.size[1] - TEXT_PX / 2, text, LIGHT)

    def write_below(self, column: int, text: str) -> None:
        self._write(self.lefts[column], TEXT_PX / 2, text, FAINT)

    def write_beside(self, row: int, text: str) -> None:
        y = self.size[1] - TEXT_PX - (row + 0.5) * self.height - row * GAP_PX
        self._write(GAP_PX, y, text, LIGHT)

    def _write(self, x: float, y: float, text: str, colour: str) -> None:
        self.figure.text(x / self.size[0], y / self.size[1], text, color=colour, fontsize=9, va="center")
