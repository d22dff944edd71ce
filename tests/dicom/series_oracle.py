"""What SimpleITK says about a series, slice by slice: an independent reader of pixels and of places."""

import numpy as np
import SimpleITK

from spondyl.dicom import DicomSeries


def check_slices(series: DicomSeries, *, hu: float = 1.0, mm: float = 0.01, ignore=None) -> None:
    """Each file's pixels lie in the volume where ITK puts them, with ITK's values.

    Slices that were moved or interpolated are asked for at the places of their own pixels.
    """
    for index, piece in enumerate(series.slices):
        image = SimpleITK.ReadImage(str(piece.source.path))
        values = SimpleITK.GetArrayFromImage(image)[0].astype(float)
        rows, columns = values.shape
        shift, place = series.stack.shifts_vox[index], series.stack.places_vox[index]
        for i, j in ((0, 0), (columns - 1, 0), (0, rows - 1), (columns - 1, rows - 1)):
            lps = np.array(image.TransformIndexToPhysicalPoint((i, j, 0)))
            ras = series.volume.grid.to_world((i + shift[0], j + shift[1], place))
            assert np.abs(ras - lps * (-1, -1, 1)).max() <= mm
        if series.stack.is_plain:
            ours = series.volume.data[:, :, index].T.astype(float)
            wrong = np.abs(ours - values) > hu
            if ignore is not None:
                wrong &= ~ignore(values)
            assert not wrong.any()


def whole(folder) -> tuple[np.ndarray, np.ndarray]:
    """ITK's reading of a whole folder: ``(columns, rows, slices)`` and the affine in RAS+ mm."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return as_arrays(reader.Execute())


def as_arrays(image) -> tuple[np.ndarray, np.ndarray]:
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image).T.astype(float), np.diag([-1, -1, 1, 1]) @ affine
