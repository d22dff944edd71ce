"""One picture per scan: sagittal and coronal along the spine, every vertebra named."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

from spondyl.report.canvas import draw_directions, draw_mask, draw_scale_bar, draw_surface, mark_centroids
from spondyl.report.style import ACCENT, FAINT, LIGHT, label_colour, new_figure, rim, save, text_colour
from spondyl.report.surface import Surface, cut, view_box, without_air
from spondyl.report.words import compared, found, remarks, wrapped
from spondyl.spine import Spine, Vertebra
from spondyl.volume import Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DOUBTFUL", "preview"]

DOUBTFUL = 0.7
"""Below this probability a name carries a question mark and its percentage."""

LABELS_PX = 104
"""Width of the column of names between both views."""

MARGIN_PX = 12
HEADER_PX = 34
FOOTER_PX = 30
LINE_PX = 17
LEAST_WIDTH_PX = 560
REMARK = "#e9c46a"


@dataclass(frozen=True)
class _Layout:
    """Pixels of the picture: both views at one scale, the names between them."""

    scale: float  # pixels per mm
    sagittal: float
    coronal: float
    height: float
    lines: tuple[str, ...] = ()  # words below the views

    @property
    def footer(self) -> float:
        """Room below the views."""
        return FOOTER_PX + LINE_PX * max(len(self.lines) - 1, 0)

    @property
    def left(self) -> float:
        """Where the sagittal view starts; a narrow picture is centred."""
        return max(MARGIN_PX, (LEAST_WIDTH_PX - self.sagittal - self.coronal - LABELS_PX) / 2)

    @property
    def size(self) -> tuple[float, float]:
        return self.width, HEADER_PX + self.height + self.footer

    @property
    def width(self) -> float:
        return 2 * self.left + self.sagittal + LABELS_PX + self.coronal


def preview(
    volume: Volume, spine: Spine, path: Path | str, truth: Spine | None = None, *, title: str = ""
) -> None:
    """Draw a scan with its vertebrae and write the picture.

    Both views are cut along the spine, so that a scoliotic one shows all its vertebrae; they share
    their heights, and the names stand between them. Vertebrae less probable than
    :data:`DOUBTFUL` are hollow, with a question mark and their probability. The mask, if the spine
    has one, is drawn in the same colours.

    Args:
        volume: The scan in HU; any orientation and spacing.
        spine: The vertebrae to show; may be empty.
        path: PNG, PDF, SVG ... by its suffix.
        truth: The annotation to compare with: white rings, a line to the prediction of the same
            label, and the mean distance below the picture.
        title: Written above, e.g. the name of the scan.

    Raises:
        OutputError: the picture cannot be written.
    """
    known = spine if truth is None else Spine((*spine, *(v for v in truth if v.label not in spine)))
    box = view_box(volume.grid, known.centroids_mm)
    guide = (spine if len(spine) or truth is None else truth).centroids_mm
    sagittal, coronal = without_air(
        cut(volume, guide, "sagittal", box, mask=spine.mask),
        cut(volume, guide, "coronal", box, mask=spine.mask),
    )
    box[:, 2] = sagittal.extent_mm[2:]
    layout = _layout(box, remarks(spine) if truth is None else compared(spine, truth))
    figure = new_figure(*layout.size, dark=True)
    doubtful = frozenset(v.label for v in spine if v.probability is not None and v.probability < DOUBTFUL)
    views = _axes(figure, layout)
    for axes, surface in zip(views, (sagittal, coronal), strict=True):
        draw_surface(axes, surface)
        if surface.labels is not None and len(spine):
            draw_mask(axes, surface.labels, surface)
        if truth is not None:
            _draw_truth(axes, surface, spine, truth)
        mark_centroids(axes, surface, spine, doubtful)
        draw_directions(axes, surface)
    draw_scale_bar(views[0], sagittal)
    _draw_names(figure, layout, views, (sagittal, coronal), spine, truth)
    _draw_words(figure, layout, spine, truth, title)
    save(figure, path)


def _layout(box: npt.NDArray[np.float64], words: str) -> _Layout:
    """Scale so that the height is 480-1400 pixels and the width at most 1800, and words in lines."""
    x, y, z = box[1] - box[0]
    scale = float(np.clip(2.4, 480 / z, 1400 / z))
    scale = min(scale, 1800 / (x + y), 4.0)
    layout = _Layout(scale, y * scale, x * scale, z * scale)
    return replace(layout, lines=wrapped(words, layout.width - 2 * MARGIN_PX))


def _axes(figure: "Figure", layout: _Layout) -> tuple["Axes", "Axes"]:
    width, height = layout.size
    left = layout.left
    right = left + layout.sagittal + LABELS_PX
    bottom, tall = layout.footer / height, layout.height / height
    return (
        figure.add_axes((left / width, bottom, layout.sagittal / width, tall)),
        figure.add_axes((right / width, bottom, layout.coronal / width, tall)),
    )


def _draw_names(
    figure: "Figure",
    layout: _Layout,
    views: tuple["Axes", "Axes"],
    surfaces: tuple[Surface, Surface],
    spine: Spine,
    truth: Spine | None,
) -> None:
    """Names in the column between the views, a leader line from each to its vertebra in both."""
    missed = [] if truth is None else [v for v in truth if v.label not in spine]
    named = sorted([*spine, *missed], key=lambda v: v.centroid_mm[2])
    if not named:
        return
    width, height = layout.size
    foot = surfaces[0].extent_mm[2]
    heights = [layout.footer + (v.centroid_mm[2] - foot) * layout.scale for v in named]
    middle = layout.left + layout.sagittal + LABELS_PX / 2
    for vertebra, y in zip(named, spread(heights, 15.0), strict=True):
        text, colour, dashed = _name(vertebra, vertebra in missed)
        figure.text(
            middle / width,
            y / height,
            text,
            color=colour,
            fontsize=10.5,
            fontweight="bold",
            ha="center",
            va="center",
        )
        reach = 5.0 + 3.9 * len(text)
        for axes, surface, side in zip(views, surfaces, (-1, 1), strict=True):
            axes.annotate(
                "",
                xy=tuple(surface.project(vertebra.centroid_mm)[0]),
                xytext=((middle + side * reach) / width, y / height),
                textcoords="figure fraction",
                arrowprops={
                    "arrowstyle": "-",
                    "color": colour,
                    "alpha": 0.6,
                    "linewidth": 0.8,
                    "linestyle": (0, (4, 3)) if dashed else "-",
                    "shrinkA": 0,
                    "shrinkB": 4,
                },
                annotation_clip=False,
                zorder=4,
            )


def _name(vertebra: Vertebra, missed: bool) -> tuple[str, object, bool]:
    """Text, colour and whether the leader line is dashed."""
    if missed:
        return f"{vertebra.name} missed", LIGHT, True
    if vertebra.probability is not None and vertebra.probability < DOUBTFUL:
        return f"{vertebra.name}? {100 * vertebra.probability:.0f} %", text_colour(vertebra.label), True
    return vertebra.name, text_colour(vertebra.label), False


def spread(heights: list[float], gap: float) -> list[float]:
    """Heights moved as little as possible (least squares) until they are ``gap`` apart; ascending."""
    steps = gap * np.arange(len(heights))
    return [float(y) for y in isotonic_regression(np.array(heights) - steps).x + steps]


def _draw_truth(axes: "Axes", surface: Surface, spine: Spine, truth: Spine) -> None:
    """White rings at the true centroids, a line to the prediction of the same label."""
    for vertebra in truth:
        x, y = surface.project(vertebra.centroid_mm)[0]
        axes.plot(
            x,
            y,
            "o",
            markersize=9,
            markerfacecolor="none",
            markeredgecolor=LIGHT,
            markeredgewidth=1.2,
            zorder=4,
        )
        if vertebra.label in spine:
            u, v = surface.project(spine[vertebra.label].centroid_mm)[0]
            axes.plot([x, u], [y, v], color=label_colour(vertebra.label), linewidth=1.4, zorder=4)


def _draw_words(figure: "Figure", layout: _Layout, spine: Spine, truth: Spine | None, title: str) -> None:
    """Title above; below what to know, or how far it is from the truth."""
    width, height = layout.size
    left, top = MARGIN_PX / width, 1 - HEADER_PX / 2 / height
    if title:
        figure.text(left, top, title, color=LIGHT, fontsize=11, fontweight="bold", va="center")
    figure.text(1 - left, top, found(spine), color=FAINT, fontsize=10, ha="right", va="center")
    if len(spine) == 0 and truth is None:
        middle = (layout.footer + 0.7 * layout.height) / height  # above the letters of the directions
        figure.text(
            0.5, middle, "no vertebra found", color=ACCENT, fontsize=15, fontweight="bold", ha="center",
            path_effects=rim(),
        )  # fmt: skip
    colour = REMARK if truth is None else FAINT
    for number, line in enumerate(layout.lines):
        y = layout.footer - FOOTER_PX / 2 - LINE_PX * number
        figure.text(left, y / height, line, color=colour, fontsize=9, va="center")
