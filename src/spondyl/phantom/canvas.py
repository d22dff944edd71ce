"""The block of voxels a phantom is painted on, and solids painted in a tilted frame of their own."""

from collections.abc import Callable, Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from spondyl.phantom.shapes import Array, smooth_min
from spondyl.volume import Grid

__all__ = ["FAR_MM", "Canvas", "Solid", "Tissue"]

FloatArray = npt.NDArray[np.float64]
Box = tuple[slice, slice, slice]
Sdf = Callable[[Array, Array, Array], Array]
FAR_MM = np.float32(9.0)


class Tissue(IntEnum):
    """Values of ``Phantom.tissues``."""

    AIR = 0
    SKIN = 1
    FAT = 2
    MUSCLE = 3
    LUNG = 4
    GAS = 5
    BLOOD = 6
    HEART = 7
    LIVER = 8
    SPLEEN = 9
    KIDNEY = 10
    BOWEL = 11
    BRAIN = 12
    THECAL_SAC = 13
    CORD = 14
    DISC = 15
    CARTILAGE = 16
    VERTEBRA_SPONGY = 17
    VERTEBRA_COMPACT = 18
    BONE_SPONGY = 19
    BONE_COMPACT = 20
    METAL = 21
    TABLE = 22
    MEDIASTINUM = 23


class Canvas:
    """Voxels on a RAS grid along the world axes.

    Attributes:
        grid: Where the voxels are.
        x: World coordinate of every first index, float32; ``y`` and ``z`` likewise.
        hu: Hounsfield units, float32.
        tissue: :class:`Tissue`, uint8.
        distance: Signed distance to the nearest bone, mm, at most :data:`FAR_MM`.
        label: VerSe number of the bone nearest to the voxel, 0 for other bones.
        shell: Thickness of the compact bone there, in 0.1 mm.
        spongy: Density of the spongy bone there, HU.
        roughness: Smooth noise of standard deviation 1.
    """

    def __init__(self, grid: Grid, roughness: Array) -> None:
        self.grid = grid
        self.x, self.y, self.z = (
            (grid.affine[a, 3] + grid.affine[a, a] * np.arange(grid.shape[a])).astype(np.float32)
            for a in range(3)
        )
        self.hu = np.full(grid.shape, -1000, np.float32)
        self.tissue = np.zeros(grid.shape, np.uint8)
        self.distance = np.full(grid.shape, FAR_MM, np.float32)
        self.label = np.zeros(grid.shape, np.uint8)
        self.shell = np.zeros(grid.shape, np.uint8)
        self.spongy = np.zeros(grid.shape, np.int16)
        self.roughness = roughness

    @property
    def lines(self) -> tuple[Array, Array, Array]:
        """``x, y, z`` as a tuple."""
        return self.x, self.y, self.z

    @property
    def edge_mm(self) -> float:
        """Width over which an edge fades: about one voxel."""
        return float(np.mean(self.grid.spacing_mm))

    def box(self, low_mm: npt.ArrayLike, high_mm: npt.ArrayLike) -> Box | None:
        """Slices of the voxels within a world box, or ``None`` when it lies outside."""
        slices = []
        for line, low, high in zip(self.lines, np.asarray(low_mm), np.asarray(high_mm), strict=True):
            start, stop = np.searchsorted(line, low, "left"), np.searchsorted(line, high, "right")
            if start >= stop:
                return None
            slices.append(slice(int(start), int(stop)))
        return slices[0], slices[1], slices[2]

    def paint(self, box: Box, distance: Array, hu: float | Array, tissue: Tissue) -> None:
        """Soft tissue over whatever is there: ``distance`` in mm, negative inside, over ``box``."""
        alpha = np.clip(0.5 - distance / np.float32(self.edge_mm), 0, 1)
        view = self.hu[box]
        view += alpha * (hu - view)
        self.tissue[box][alpha > 0.5] = tissue

    def add_bone(
        self,
        box: Box,
        distance: Array,
        shell_mm: Array | float,
        spongy_hu: Array | float,
        label: npt.NDArray[np.uint8] | int = 0,
        gap_mm: float = 0.0,
    ) -> None:
        """Merge a bone; where it would touch another one a joint gap of ``gap_mm`` stays free."""
        old = self.distance[box]
        closer = distance < old
        merged = np.minimum(distance, old)
        if gap_mm:
            merged = np.maximum(merged, np.float32(gap_mm) - np.abs(distance - old))
        self.label[box][closer] = np.broadcast_to(label, closer.shape)[closer]
        self.shell[box][closer] = (np.broadcast_to(np.asarray(shell_mm) * 10, closer.shape)[closer]).astype(
            np.uint8
        )
        self.spongy[box][closer] = np.broadcast_to(spongy_hu, closer.shape)[closer].astype(np.int16)
        self.distance[box] = np.minimum(merged, FAR_MM)


class Solid:
    """A union of simple shapes in a frame of its own, sampled on the part of a canvas that it covers.

    Attributes:
        box: The covered part, or ``None`` when the solid lies outside the canvas.
        distance: Signed distance over ``box``.
        shell: Thickness of compact bone over ``box``, mm.
    """

    def __init__(
        self,
        canvas: Canvas,
        centre_mm: FloatArray,
        axes: FloatArray,
        low: npt.ArrayLike,
        high: npt.ArrayLike,
    ) -> None:
        self.canvas = canvas
        self.centre, self.axes = np.asarray(centre_mm, float), np.asarray(axes, float)
        self.box = canvas.box(*self._world_box(low, high))
        if self.box is not None:
            shape = tuple(s.stop - s.start for s in self.box)
            self.distance = np.full(shape, FAR_MM, np.float32)
            self.shell = np.ones(shape, np.float32)

    def _world_box(self, low: npt.ArrayLike, high: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """World box around a box of the own frame."""
        low_, high_ = np.asarray(low, float), np.asarray(high, float)
        middle = self.centre + self.axes @ ((low_ + high_) / 2)
        half = np.abs(self.axes) @ ((high_ - low_) / 2)
        return middle - half, middle + half

    def _part(self, low: npt.ArrayLike, high: npt.ArrayLike) -> tuple[Box, Box] | None:
        """The part of the canvas, and of this solid, within a box of the own frame."""
        if self.box is None:
            return None
        found = self.canvas.box(*self._world_box(low, high))
        if found is None:
            return None
        start = [max(f.start, b.start) for f, b in zip(found, self.box, strict=True)]
        stop = [min(f.stop, b.stop) for f, b in zip(found, self.box, strict=True)]
        if any(a >= b for a, b in zip(start, stop, strict=True)):
            return None
        whole = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        own = tuple(slice(a - s.start, b - s.start) for a, b, s in zip(start, stop, self.box, strict=True))
        return (whole[0], whole[1], whole[2]), (own[0], own[1], own[2])

    def local(self, box: Box) -> tuple[Array, Array, Array]:
        """Coordinates of the canvas voxels of ``box`` in the own frame."""
        lines = [
            line[s] - np.float32(c) for line, s, c in zip(self.canvas.lines, box, self.centre, strict=True)
        ]
        a = self.axes.astype(np.float32)
        x, y, z = lines[0][:, None, None], lines[1][None, :, None], lines[2][None, None, :]
        u, v, w = ((x * a[0, i] + y * a[1, i]) + z * a[2, i] for i in range(3))
        return u, v, w

    def add(
        self,
        shape: Sdf,
        low: npt.ArrayLike,
        high: npt.ArrayLike,
        *,
        shell_mm: float = 1.0,
        blend_mm: float = 1.5,
    ) -> None:
        """Unite with a shape known to lie within ``low..high`` of the own frame."""
        margin = blend_mm + 1.5
        part = self._part(np.asarray(low) - margin, np.asarray(high) + margin)
        if part is None:
            return
        whole, own = part
        new = shape(*self.local(whole))
        old = self.distance[own]
        self.shell[own] = np.where(new < old, np.float32(shell_mm), self.shell[own])
        self.distance[own] = smooth_min(old, new, blend_mm)

    def rod(
        self,
        a: Sequence[float],
        b: Sequence[float],
        radii: tuple[float, float],
        *,
        stretch: Sequence[float] = (1, 1, 1),
        shell_mm: float = 1.4,
        blend_mm: float = 1.5,
    ) -> None:
        """Unite with a tapered, possibly flattened rod."""
        from spondyl.phantom.shapes import capsule

        reach = max(radii) * np.asarray(stretch, float)
        low, high = np.minimum(a, b) - reach, np.maximum(a, b) + reach
        self.add(
            lambda u, v, w: capsule(u, v, w, (a, b), radii, stretch),
            low,
            high,
            shell_mm=shell_mm,
            blend_mm=blend_mm,
        )

    def cut(self, shape: Sdf, low: npt.ArrayLike, high: npt.ArrayLike) -> None:
        """Take a shape away."""
        part = self._part(low, high)
        if part is not None:
            whole, own = part
            self.distance[own] = np.maximum(self.distance[own], -shape(*self.local(whole)))
