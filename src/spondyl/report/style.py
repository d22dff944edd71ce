"""What all pictures share: colours, the bone window, and a figure without global state.

Nothing here touches ``matplotlib.pyplot`` or ``rcParams``: a program that draws its own figures
keeps its settings, and pictures can be made in threads.
"""

import colorsys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spondyl.anatomy import COLOURS, Region
from spondyl.errors import OutputError
from spondyl.io.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patheffects import AbstractPathEffect

__all__ = [
    "ACCENT",
    "BONE_WINDOW",
    "DARK",
    "DPI",
    "FAINT",
    "LIGHT",
    "REGION_COLOURS",
    "bone_window",
    "label_colour",
    "new_figure",
    "rim",
    "save",
    "text_colour",
    "tidy",
]

Colour = tuple[float, float, float]

DPI: Final = 100
BONE_WINDOW: Final = (-250.0, 1050.0)
"""HU shown black and white: fat stays visible, cortical bone does not burn out."""

DARK: Final = "#0b0d10"
LIGHT: Final = "#f2f4f5"
FAINT: Final = "#8b949c"
ACCENT: Final = "#ff4d4d"

# Okabe and Ito's palette, told apart with every common colour vision.
REGION_COLOURS: Final[dict[Region, str]] = {
    Region.CERVICAL: "#d55e00",
    Region.THORACIC: "#009e73",
    Region.LUMBAR: "#0072b2",
    Region.SACRAL: "#cc79a7",
}


def bone_window(low_hu: float, high_hu: float) -> tuple[float, float]:
    """The bone window, moved down for images whose bone is darker than usual (thick slices).

    Args:
        low_hu: A low percentile of what is shown.
        high_hu: A high percentile of what is shown.
    """
    low, high = BONE_WINDOW
    top = min(high, max(high_hu, 450.0))
    return max(low, min(low_hu, 0.0)), top


def label_colour(label: int) -> Colour:
    """Red, green, blue in 0-1 of a VerSe number."""
    red, green, blue = COLOURS[label]
    return red / 255, green / 255, blue / 255


def text_colour(label: int) -> Colour:
    """The label's colour, lightened until it can be read on a dark ground."""
    hue, saturation, value = colorsys.rgb_to_hsv(*label_colour(label))
    return colorsys.hsv_to_rgb(hue, min(saturation, 0.55), max(value, 1.0))


def rim(width: float = 3.0) -> "list[AbstractPathEffect]":
    """A dark rim around letters and lines, so that they can be read on bright bone; width in points."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground="#000000b0")]


def new_figure(width_px: float, height_px: float, *, dark: bool = False) -> "Figure":
    """An empty figure of that many pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width_px / DPI, height_px / DPI), dpi=DPI, facecolor=DARK if dark else "white")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: "Axes") -> None:
    """Leave only the left and the lower spine, and a faint grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#d9dde0", linewidth=0.6)
    axes.set_axisbelow(True)


def save(figure: "Figure", path: Path | str) -> None:
    """Write the figure; the format follows the suffix, PNG without one.

    Raises:
        OutputError: an unknown format, or the file cannot be written.
    """
    suffix = Path(path).suffix.lstrip(".").lower() or "png"
    known = figure.canvas.get_supported_filetypes()
    if suffix not in known:
        raise OutputError(f"{path}: unknown picture format; the name must end in one of {', '.join(known)}")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=suffix, dpi=DPI, facecolor=figure.get_facecolor())
