"""Drawing a flattened cut: the grey image, the coloured mask, centroids, scale bar, directions."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spondyl.report.style import ACCENT, LIGHT, bone_window, label_colour, rim, text_colour
from spondyl.report.surface import Surface
from spondyl.spine import Spine

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_area", "draw_directions", "draw_mask", "draw_scale_bar", "draw_surface", "mark_centroids"]


def draw_surface(axes: "Axes", surface: Surface) -> None:
    """The grey image in the bone window; on its left the patient's front (sagittal) or right (coronal)."""
    left, right, foot, head = surface.extent_mm
    inside = surface.image[surface.image > -1000]
    low, high = np.percentile(inside, (2, 99.7)) if inside.size else (0.0, 0.0)
    vmin, vmax = bone_window(float(low), float(high))
    axes.imshow(
        surface.image,
        cmap="gray",
        vmin=vmin,
        vmax=vmax,
        origin="lower",
        extent=surface.extent_mm,
        interpolation="bilinear",
        aspect="equal",
    )
    axes.set_xlim(right, left)
    axes.set_ylim(foot, head)
    axes.set_axis_off()


def draw_mask(axes: "Axes", labels: npt.NDArray[np.uint8], surface: Surface, *, alpha: float = 0.28) -> None:
    """Every label as a translucent area with a crisp outline, thin in coarse masks too."""
    finer = max(round(axes.bbox.width / labels.shape[1]), 1)  # an outline is one pixel of the array wide
    labels = labels.repeat(finer, 0).repeat(finer, 1)
    present = [int(label) for label in np.unique(labels) if label]
    overlay = np.zeros((*labels.shape, 4), np.float32)
    edge = _inner_edge(labels)
    for label in present:
        area = labels == label
        overlay[area] = (*label_colour(label), alpha)
        overlay[area & edge] = (*text_colour(label), 0.95)  # dark blue would drown in dark bone
    axes.imshow(
        overlay, origin="lower", extent=surface.extent_mm, interpolation="nearest", aspect="equal", zorder=2
    )


def draw_area(axes: "Axes", surface: Surface, colour: str = ACCENT) -> None:
    """What is not 0 in the cut's labels, whatever its number, in one colour."""
    from matplotlib.colors import to_rgb

    if surface.labels is None:
        return
    area = surface.labels > 0
    overlay = np.zeros((*area.shape, 4), np.float32)
    overlay[area] = (*to_rgb(colour), 0.3)
    overlay[area & _inner_edge(area.astype(np.uint8))] = (*to_rgb(colour), 0.95)
    axes.imshow(
        overlay, origin="lower", extent=surface.extent_mm, interpolation="nearest", aspect="equal", zorder=2
    )


def _inner_edge(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Pixels with a neighbour of another label."""
    padded = np.pad(labels, 1)
    centre = padded[1:-1, 1:-1]
    neighbours = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    return np.asarray(np.logical_or.reduce([centre != other for other in neighbours]))


def mark_centroids(
    axes: "Axes", surface: Surface, spine: Spine, doubtful: frozenset[int] = frozenset()
) -> None:
    """A dot per vertebra in its colour; a hollow one for the doubtful."""
    for vertebra, (x, y) in zip(spine, surface.project(spine.centroids_mm), strict=True):
        colour = label_colour(vertebra.label)
        hollow = vertebra.label in doubtful
        axes.plot(
            x,
            y,
            "o",
            markersize=6.5 if hollow else 5.5,
            markerfacecolor="none" if hollow else colour,
            markeredgecolor=text_colour(vertebra.label) if hollow else "white",
            markeredgewidth=1.6 if hollow else 0.9,
            zorder=5,
        )


def draw_scale_bar(axes: "Axes", surface: Surface) -> None:
    """A bar of 50 mm (20 mm in narrow pictures) in the lower left corner."""
    _, right, foot, head = surface.extent_mm
    left = surface.extent_mm[0]
    length = 50.0 if right - left > 120 else 20.0
    x, y = right - 6, foot + 0.02 * (head - foot) + 4
    dark = rim(3.5)
    axes.plot(
        [x, x - length],
        [y, y],
        color=LIGHT,
        linewidth=2,
        solid_capstyle="butt",
        zorder=6,
        path_effects=dark,
    )
    axes.text(
        x - length / 2,
        y + 2,
        f"{length:.0f} mm",
        color=LIGHT,
        fontsize=8,
        ha="center",
        va="bottom",
        zorder=6,
        path_effects=dark,
    )


def draw_directions(axes: "Axes", surface: Surface) -> None:
    """The side of the patient at the left and right edge: A/P or R/L."""
    letters = ("A", "P") if surface.plane == "sagittal" else ("R", "L")
    for letter, x, align in zip(letters, (0.015, 0.985), ("left", "right"), strict=True):
        axes.text(
            x,
            0.5,
            letter,
            transform=axes.transAxes,
            color=LIGHT,
            fontsize=10,
            ha=align,
            va="center",
            zorder=6,
            path_effects=rim(),
        )
