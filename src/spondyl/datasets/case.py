"""One scan with its annotation, as files; read only when asked."""

from dataclasses import dataclass, replace
from pathlib import Path

from spondyl.errors import AnnotationError
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

__all__ = ["Case"]


@dataclass(frozen=True)
class Case:
    """One scan of a data set.

    Attributes:
        name: Unique within its data set; usable as a file name.
        image: The CT.
        centroids: File with the vertebrae's centroids, if there is one.
        mask: File with a VerSe-numbered mask, if there is one.
        masks: Folder with one binary mask per vertebra (TotalSegmentator), if there is one.
    """

    name: str
    image: Path
    centroids: Path | None = None
    mask: Path | None = None
    masks: Path | None = None

    @property
    def annotated(self) -> bool:
        """Whether centroids or masks are known."""
        return any((self.centroids, self.mask, self.masks))

    def load(self) -> tuple[Volume, Spine]:
        """The scan (HU, its own grid) and its annotation (RAS+ mm).

        Raises:
            ImageError: the scan cannot be read.
            AnnotationError: it is not annotated, or the annotation does not fit the scan.
        """
        volume = self.load_image()
        return volume, self.load_spine(volume.grid)

    def load_image(self) -> Volume:
        """The scan in HU on its own grid.

        Raises:
            ImageError: the scan cannot be read.
        """
        from spondyl.io import read_image

        return read_image(self.image)

    def load_spine(self, grid: Grid) -> Spine:
        """The annotation, with the mask attached when there is one.

        Centroids come from their file; without one they are derived from the mask, see
        :func:`spondyl.datasets.centres.body_centres`.

        Args:
            grid: The scan's grid, as stored on disk.

        Raises:
            AnnotationError: the case is not annotated, or the annotation does not fit the scan.
        """
        from spondyl.datasets.centres import body_centres
        from spondyl.io import read_centroids

        mask = self.load_mask(grid)
        if self.centroids is not None:
            return replace(read_centroids(self.centroids, grid), mask=mask)
        if mask is None:
            raise AnnotationError(f"{self.image}: no centroids and no mask found beside this scan")
        return Spine.from_centroids(body_centres(mask), mask)

    def load_mask(self, grid: Grid) -> Volume | None:
        """VerSe numbers (uint8) on the scan's grid, or ``None`` where there is no mask.

        A mask stored with other axis directions is turned to the scan's.

        Args:
            grid: The scan's grid, as stored on disk.

        Raises:
            AnnotationError: the mask lies on another grid than the scan.
        """
        path = self.mask or self.masks
        if path is None:
            return None
        from spondyl.io import read_mask

        return read_mask(path, grid)
