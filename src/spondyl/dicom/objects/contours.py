"""Outlines of a mask in one plane, with a keyhole to every hole.

An outline runs half-way between the centres of pixels inside and outside, so whoever fills it, taking
the pixels whose centre is inside, gets the mask back. A contour of an RT structure set knows no
holes: a hole is joined to the outline around it by a cut of no width, the "keyhole" of PS3.3 C.8.8.6.3.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["outlines"]

Points = npt.NDArray[np.float64]


def outlines(mask: npt.NDArray[np.bool_]) -> list[Points]:
    """Closed outlines of a mask.

    Args:
        mask: ``(rows, columns)``.

    Returns:
        One ``(n, 2)`` array of row, column per connected part; the last point is not the first again.
        Empty where the mask is.
    """
    from skimage.measure import find_contours

    loops = [_corners(loop[:-1] - 1) for loop in find_contours(np.pad(mask, 1).astype(np.float32), 0.5)]
    areas = [_area(loop) for loop in loops]
    outside = [place for place, area in enumerate(areas) if area > 0]
    holes: dict[int, list[Points]] = {place: [] for place in outside}
    for loop, area in zip(loops, areas, strict=True):
        if area < 0:
            around = [place for place in outside if areas[place] > -area and _inside(loop[0], loops[place])]
            holes[min(around, key=areas.__getitem__)].append(loop)
    return [_keyholed(loops[place], holes[place]) for place in outside]


def _corners(loop: Points) -> Points:
    """Without the points on straight stretches."""
    before, after = loop - np.roll(loop, 1, 0), np.roll(loop, -1, 0) - loop
    turns = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    return np.asarray(loop[np.abs(turns) > 1e-9])


def _area(loop: Points) -> float:
    """Positive around a part of the mask, negative around a hole: high values are always on one side."""
    rows, columns = loop.T
    return float(np.sum(columns * np.roll(rows, -1) - np.roll(columns, -1) * rows) / 2)


def _inside(point: Points, loop: Points) -> bool:
    """Even-odd rule; the point must not lie on the loop."""
    (row, column), (rows, columns) = point, loop.T
    next_rows, next_columns = np.roll(rows, -1), np.roll(columns, -1)
    crossing = (rows > row) != (next_rows > row)
    share = (row - rows[crossing]) / (next_rows - rows)[crossing]
    at = columns[crossing] + share * (next_columns - columns)[crossing]
    return bool(np.count_nonzero(at > column) % 2)


def _keyholed(loop: Points, holes: list[Points]) -> Points:
    """Join holes to a loop one by one, the nearest first, so that no cut runs across another hole."""
    holes = list(holes)
    while holes:
        pairs = [_nearest(loop, hole) for hole in holes]
        number = min(range(len(holes)), key=lambda n: pairs[n][0])
        _, here, there = pairs[number]
        hole = np.roll(holes.pop(number), -there, 0)
        loop = np.concatenate([loop[: here + 1], hole, hole[:1], loop[here:]])
    return loop


def _nearest(loop: Points, hole: Points) -> tuple[float, int, int]:
    """Distance and indices of the two nearest points."""
    far = ((loop[:, None] - hole[None]) ** 2).sum(-1)
    here, there = np.unravel_index(int(far.argmin()), far.shape)
    return float(far[here, there]), int(here), int(there)
