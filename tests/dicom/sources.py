"""Headers of CT series in every geometry, and the grid on which each is read."""

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage

from spondyl.spine import Flag, Numbering, Spine, Vertebra
from spondyl.volume import Grid, Volume

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
ROWS, COLUMNS, SLICES = 40, 48, 30
MODEL = {
    "name": "default",
    "schema_version": 1,
    "recipe": "spondyl",
    "sha256": {"a": "1" * 64, "b": "2" * 64},
}


@dataclass(frozen=True)
class Source:
    """A series: ``headers`` in the order stored, ``grid`` as a reader would give it."""

    headers: list[Dataset]
    grid: Grid


def turned(degrees, axis):
    """Rotation about an LPS axis."""
    a = np.deg2rad(degrees)
    i, j = [n for n in range(3) if n != axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = np.cos(a)
    matrix[i, j], matrix[j, i] = -np.sin(a), np.sin(a)
    return matrix


def geometry(kind):
    """Row direction, column direction, step between slices (LPS mm)."""
    right, down, step = np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), np.array([0, 0, 2.0])
    if kind == "sagittal":
        right, down, step = np.array([0, 1.0, 0]), np.array([0, 0, -1.0]), np.array([2.0, 0, 0])
    if kind == "oblique":
        matrix = turned(20, 0) @ turned(-15, 2)
        right, down, step = matrix @ right, matrix @ down, matrix @ step
    if kind == "tilted":  # the table moves along z, the slices lean
        matrix = turned(18, 0)
        right, down = matrix @ right, matrix @ down
    return right, down, step


def source(kind="axial"):
    """A series of 30 slices of 40 rows (1.5 mm) and 48 columns (1 mm)."""
    right, down, step = geometry(kind)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = right, 1.5 * down, step
    affine[:3, 3] = (-20.0, -31.0, -70.5)
    positions = [affine[:3, 3] + n * step for n in range(SLICES)]
    grid = Grid((COLUMNS, ROWS, SLICES), LPS @ affine)
    if kind == "multi-frame":
        return Source([_enhanced(positions, right, down)], grid)
    headers = [_header(n, position, right, down) for n, position in enumerate(positions)]
    if kind == "reversed":
        headers.reverse()
    if kind == "shuffled":
        headers = [headers[n] for n in np.random.default_rng(2).permutation(SLICES)]
    return Source(headers, grid)


def _common():
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName, ds.PatientID, ds.PatientSex, ds.PatientBirthDate = "Öz^Ayşe", "P-1", "F", "19700102"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "1.2.3.1", "1.2.3.2", "1.2.3.3"
    ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = "S1", "A1", "Who^Dr"
    ds.StudyDate, ds.StudyTime, ds.SeriesDate, ds.SeriesTime = "20240102", "030405", "20240102", "040506.25"
    ds.SeriesNumber, ds.Modality, ds.Rows, ds.Columns = 3, "CT", ROWS, COLUMNS
    ds.PositionReferenceIndicator = ""
    return ds


def _ds(values):
    return [f"{value + 0.0:.10g}"[:16] for value in values]


def _header(number, position, right, down):
    ds = _common()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.InstanceNumber = CTImageStorage, f"1.2.3.4.{number + 1}", number + 1
    ds.ImagePositionPatient = _ds(position)
    ds.ImageOrientationPatient = _ds([*right, *down])
    ds.PixelSpacing, ds.SliceThickness, ds.SpacingBetweenSlices = [1.5, 1.0], 2.0, -2.0
    return ds


def _enhanced(positions, right, down):
    ds = _common()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.NumberOfFrames = EnhancedCTImageStorage, "1.2.3.5.1", len(positions)
    ds.InstanceNumber = 1
    shared, turn, measures = Dataset(), Dataset(), Dataset()
    turn.ImageOrientationPatient = _ds([*right, *down])
    measures.PixelSpacing, measures.SliceThickness = [1.5, 1.0], 2.0
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [turn], [measures]
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = []
    for position in reversed(positions):  # frames from head to foot
        frame, place = Dataset(), Dataset()
        place.ImagePositionPatient = _ds(position)
        frame.PlanePositionSequence = [place]
        ds.PerFrameFunctionalGroupsSequence.append(frame)
    return ds


def spine_on(grid, labels=(19, 28, 20, 25)):
    """T12, T13, L1, L6 as ragged lumps with a hole, and voxels of T12 in a corner of the scan."""
    rng = np.random.default_rng(7)
    data = np.zeros(grid.shape, np.uint8)
    vertebrae = []
    # Head to foot along +z whatever the axes: lumps follow each other along the scan's z.
    centres = np.linspace(0.15, 0.85, len(labels))[::-1]
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    axis = int(np.argmax(np.abs(grid.affine[2, :3])))
    if grid.affine[2, axis] < 0:
        centres = centres[::-1]
    for label, at in zip(labels, centres, strict=True):
        centre = np.array(grid.shape) * 0.5
        centre[axis] = grid.shape[axis] * at
        radius = np.array([11.0, 9.0, 7.0])
        radius[axis] = grid.shape[axis] * 0.09
        far = (((index - centre) / radius) ** 2).sum(axis=-1) + 0.2 * rng.random(grid.shape)
        data[(far < 1) & (far > 0.18)] = label
        vertebrae.append(Vertebra(label, tuple(grid.to_world(centre)), 0.9))
    data[0, 0, :2] = labels[0]
    return Spine(
        tuple(vertebrae),
        Volume(data, grid),
        numbering_probability=0.8,
        alternatives=(Numbering(tuple(labels), 0.1, "one level lower"),),
        flags=(Flag("numbering_uncertain", "The numbering is uncertain – look."),),
        provenance={"model": MODEL, "timings_s": {"read": 1.0}},
    )
