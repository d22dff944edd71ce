"""Finding the prediction of every true scan: from ``spondyl predict``, or files of another program."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from spondyl.datasets.case import Case
from spondyl.datasets.centres import body_centres
from spondyl.datasets.files import image_stem
from spondyl.errors import DatasetError
from spondyl.io import read_centroids, read_mask
from spondyl.result import read_result
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

__all__ = ["Predictions", "load_pairs"]

FOLDER_CENTROIDS = ("result.json", "centroids.json", "centroids.mrk.json", "centroids.csv", "centroids.lml")
FOLDER_MASKS = ("mask.nii.gz", "mask.nii")
CENTROID_ENDINGS = (
    ".lml",
    ".mrk.json",
    ".csv",
    ".json",
    "_ctd.json",
    "_centroids.json",
    "_seg-subreg_ctd.json",
    "_seg-vb_ctd.json",
)
MASK_ENDINGS = ("_seg-vert_msk", "_seg", "_msk", "_mask", "")
IMAGE_ENDINGS = (".nii.gz", ".nii")


class Predictions:
    """A folder with predictions, one per scan.

    Known shapes: ``FOLDER/NAME/result.json`` (or ``centroids.*``) with ``mask.nii.gz`` beside it,
    as ``spondyl predict`` writes; and files named after the scan anywhere below the folder:
    ``NAME.lml``, ``NAME.csv``, ``NAME.mrk.json``, ``NAME_ctd.json`` ..., and masks ``NAME.nii.gz``,
    ``NAME_seg-vert_msk.nii.gz`` ... (VerSe numbers). Without centroids they are derived from the
    mask.

    Raises:
        DatasetError: no such folder.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise DatasetError(f"{folder}: expected a folder with predictions, found none")
        self._files: dict[str, Path] = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                self._files.setdefault(path.name, path)
        self._folders = {
            path.parent.name: path.parent
            for name in FOLDER_CENTROIDS
            for path in sorted(self.folder.rglob(name))
            if path.parent != self.folder
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the scans with a folder of their own."""
        return tuple(sorted(self._folders))

    def load(self, name: str, grid: Grid) -> Spine | None:
        """The prediction of a scan, with its mask if there is one; ``None`` if there is none.

        Args:
            name: Of the scan.
            grid: The scan's, as stored on disk; some formats count from its corner.

        Raises:
            AnnotationError: there is one, but it cannot be read.
        """
        centroids, mask_file = self._find(name)
        mask = None if mask_file is None else read_mask(mask_file)
        if centroids is not None:
            spine = (
                read_result(centroids) if centroids.name == "result.json" else read_centroids(centroids, grid)
            )
            return replace(spine, mask=mask)
        return None if mask is None else _from_mask(mask)

    def _find(self, name: str) -> tuple[Path | None, Path | None]:
        """Files with the centroids and the mask of a scan."""
        if name in self._folders:
            folder = self._folders[name]
            inside = {path.name: path for path in folder.iterdir()}
            return _first(inside, FOLDER_CENTROIDS), _first(inside, FOLDER_MASKS)
        centroids = _first(self._files, [name + ending for ending in CENTROID_ENDINGS])
        stems = MASK_ENDINGS if centroids is None else MASK_ENDINGS[:-1]  # NAME.nii.gz may be the scan itself
        masks = [name + stem + ending for stem in stems for ending in IMAGE_ENDINGS]
        return centroids, _first(self._files, masks)


def load_pairs(predictions: Predictions, cases: Sequence[Case]) -> Iterator[tuple[str, Spine, Spine | None]]:
    """Name, truth and prediction of every case, one at a time, for :func:`spondyl.evaluation.evaluate`.

    A prediction is looked up by the name of its case, then by the file name of its scan if only
    one case has that. A case without a prediction comes with ``None``.

    Raises:
        ImageError: a true scan cannot be read.
        AnnotationError: a truth or a prediction cannot be read.
    """
    stems = Counter(image_stem(case.image) for case in cases)
    for case in cases:
        grid = case.load_image().grid
        predicted = predictions.load(case.name, grid)
        stem = image_stem(case.image)
        if predicted is None and stem is not None and stems[stem] == 1:
            predicted = predictions.load(stem, grid)
        yield case.name, case.load_spine(grid), predicted


def _first(files: dict[str, Path], names: Sequence[str]) -> Path | None:
    return next((files[name] for name in names if name in files), None)


def _from_mask(mask: Volume) -> Spine:
    return Spine.from_centroids(body_centres(mask), mask)
