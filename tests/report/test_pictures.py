"""Pictures: written, of a sane size, with ink where names and vertebrae should be."""

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spondyl.errors import OutputError
from spondyl.evaluation import evaluate
from spondyl.report import words
from spondyl.report.boxplot import boxplot
from spondyl.report.confusion import confusion, confusion_matrix
from spondyl.report.histogram import histogram
from spondyl.report.preview import preview, spread
from spondyl.report.reference_pictures import (
    Compared,
    centroid_row,
    detection_grid,
    detection_picture,
    identification_picture,
)
from spondyl.report.reliability import reliability_diagram
from spondyl.report.surface import cut, guide_of, view_box
from spondyl.spine import Flag, Spine, Vertebra
from spondyl.volume import Grid, Volume
from strategies import orientations

SPACING = (1.0, 1.2, 2.0)
SHAPE = (90, 100, 110)


def scoliotic():
    """A CT with a curved column of bright bodies, and its spine with a mask; RAS."""
    grid = Grid.from_spacing(SHAPE, SPACING)
    world = np.moveaxis(grid.to_world(np.moveaxis(np.indices(SHAPE), 0, -1)), -1, 0)
    image, mask, points = np.full(SHAPE, 40, np.int16), np.zeros(SHAPE, np.uint8), {}
    for place, label in enumerate(range(17, 25)):
        centre = np.array([45 + 18 * np.sin(place / 2), 55 + 8 * np.cos(place), 200 - 25 * place])
        body = np.abs(world - centre.reshape(3, 1, 1, 1)).max(axis=0) < 9
        image[body], mask[body], points[label] = 900, label, centre
    return Volume(image, grid), Spine.from_centroids(points, Volume(mask, grid))


VOLUME, SPINE = scoliotic()


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def names_column(array):
    """The part of a preview between both views."""
    middle = array.shape[1] // 2
    return array[40:-40, middle - 20 : middle + 20]


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "SAL"])
def test_surface_follows_a_scoliotic_spine(codes):
    """Every centroid is bright in the cut; a flat slice would miss most."""
    volume = VOLUME.reoriented(codes)
    points = SPINE.centroids_mm
    box = view_box(volume.grid, points)
    for plane in ("sagittal", "coronal"):
        surface = cut(volume, points, plane, box, mask=SPINE.mask)
        for label, (x, y) in zip(SPINE.labels, surface.project(points), strict=True):
            left, right, foot, head = surface.extent_mm
            row = int((y - foot) / (head - foot) * surface.image.shape[0])
            column = int((x - left) / (right - left) * surface.image.shape[1])
            assert surface.image[row, column] > 850
            assert surface.labels[row, column] == label


def test_surface_is_isotropic():
    surface = cut(VOLUME, SPINE.centroids_mm, "sagittal", view_box(VOLUME.grid, SPINE.centroids_mm))
    left, right, foot, head = surface.extent_mm
    rows, columns = surface.image.shape
    assert (right - left) / columns == pytest.approx((head - foot) / rows, rel=0.02)


def test_surface_outside_the_scan_is_air():
    box = np.array([[-50.0, -50, -50], [200, 200, 300]])
    surface = cut(VOLUME, SPINE.centroids_mm, "coronal", box)
    assert surface.image[0].max() == -1024


def test_guide_of_a_mask_runs_through_it():
    guide = guide_of(SPINE.mask)
    voxels = np.round(VOLUME.grid.to_voxel(guide)).astype(int)
    assert (SPINE.mask.data[tuple(voxels.T)] > 0).mean() > 0.7
    assert guide_of(Volume(np.zeros(SHAPE, np.uint8), VOLUME.grid)).shape == (0, 3)


def test_preview_is_the_same_for_every_storage_order(tmp_path):
    preview(VOLUME, SPINE, tmp_path / "ras.png")
    expected = pixels(tmp_path / "ras.png")
    for codes in ("LPS", "ASL"):
        turned = Spine(SPINE.vertebrae, SPINE.mask.reoriented(codes))
        preview(VOLUME.reoriented(codes), turned, tmp_path / "other.png")
        assert np.abs(pixels(tmp_path / "other.png") - expected).mean() < 0.5


def test_preview_names_every_vertebra(tmp_path):
    """Ink between the views in as many separate rows as there are vertebrae, in their order of colour."""
    preview(VOLUME, Spine(SPINE.vertebrae), tmp_path / "a.png")
    column = names_column(pixels(tmp_path / "a.png"))
    inked = (column.max(axis=2) > 100).sum(axis=1) > 3
    starts = np.flatnonzero(np.diff(inked.astype(int)) == 1)
    assert len(starts) == len(SPINE)
    preview(VOLUME, Spine(), tmp_path / "b.png")
    assert (names_column(pixels(tmp_path / "b.png")).max(axis=2) > 100).mean() < 0.1


def test_preview_shows_mask_doubt_truth_and_flags(tmp_path):
    plain = tmp_path / "plain.png"
    preview(VOLUME, Spine(SPINE.vertebrae), plain)
    doubtful = Spine(tuple(Vertebra(v.label, v.centroid_mm, 0.3) for v in SPINE))
    truth = Spine(SPINE.vertebrae[2:]).shifted(1)
    for spine, other in ((SPINE, None), (doubtful, None), (Spine(SPINE.vertebrae), truth)):
        preview(VOLUME, spine, tmp_path / "x.png", truth=other)
        assert (tmp_path / "x.png").read_bytes() != plain.read_bytes()
    preview(VOLUME, Spine(SPINE.vertebrae, flags=(Flag("x", "look at this " * 60),)), tmp_path / "x.png")
    before, now = pixels(plain), pixels(tmp_path / "x.png")
    assert (now[: len(before) - 40] == before[:-40]).all()  # the views as they were
    assert (now[len(before) - 20 :].max(axis=2) > 150).sum() > 200  # and more lines below


def test_words_of_a_preview():
    """What is to be checked comes first, vertebrae's own too; nothing runs out of the picture."""
    gap, note = Flag("gap", "C6 was not found."), Flag("partly_visible", "Cut.")
    spine = Spine(
        (Vertebra(7, (0, 0, 0), flags=(gap, note)),),
        flags=(Flag("noise", "It is noisy."), Flag("numbering_uncertain", "It may be wrong.")),
    )
    assert words.remarks(spine) == "It may be wrong.  C7: C6 was not found.  It is noisy."
    lines = words.wrapped("look at this " * 200, 600)
    assert len(lines) == 4
    assert lines[-1].endswith("…")
    assert max(map(len, lines)) * 6.8 <= 600
    assert words.wrapped("", 600) == ()


def test_outlines_are_thin_in_coarse_masks(tmp_path):
    """An outline is about a pixel wide, however large a voxel."""
    shares = []
    for step in (1.0, 4.0):
        grid = VOLUME.grid.resampled(step)
        coarse = Spine(SPINE.vertebrae, SPINE.mask.resampled(grid, order=0))
        preview(VOLUME.resampled(grid), coarse, tmp_path / "a.png")
        bright = np.abs(np.diff(pixels(tmp_path / "a.png"), axis=2)).max(axis=2) > 90
        shares.append(bright[40:-40].mean())
    assert shares[1] < 1.5 * shares[0]


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((1, 1, 1), (1, 1, 1)),
        ((40, 40, 3), (1, 1, 5)),
        ((4, 200, 5), (8, 0.3, 0.3)),
        ((30, 30, 600), (4, 4, 3)),
        ((300, 300, 2), (2, 2, 1)),
    ],
)
def test_preview_of_odd_volumes(tmp_path, shape, spacing):
    grid = Grid.from_spacing(shape, spacing, "PIR")
    volume = Volume(np.zeros(shape, np.int16), grid)
    centre = tuple(grid.to_world((np.array(shape) - 1) / 2))
    for spine in (Spine(), Spine((Vertebra(20, centre),)), Spine((Vertebra(20, (9e3, 9e3, 9e3)),))):
        preview(volume, spine, tmp_path / "a.png", title="odd")
        height, width, _ = pixels(tmp_path / "a.png").shape
        assert 100 < height < 2200
        assert 300 < width < 2600


def test_preview_of_a_wrong_prediction(tmp_path):
    """Two vertebrae at one height, names out of order."""
    a, b, c = SPINE.centroids_mm[:3]
    wrong = Spine.from_centroids({20: a, 3: np.add(a, (5, 0, 0)), 12: b, 9: c})
    preview(VOLUME, wrong, tmp_path / "a.png", truth=SPINE)
    assert pixels(tmp_path / "a.png").std() > 5


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 500), min_size=1, max_size=20).map(sorted))
def test_names_are_spread(heights):
    spaced = spread(heights, 15)
    assert np.diff(spaced).min(initial=15) >= 15 - 1e-6
    if np.diff(heights).min(initial=99) >= 15:
        assert spaced == pytest.approx(heights)


def test_pictures_leave_matplotlib_alone(tmp_path):
    before = dict(mpl.rcParams)
    preview(VOLUME, SPINE, tmp_path / "a.png")
    boxplot(RESULT, tmp_path / "b.png")
    assert dict(mpl.rcParams) == before


def test_picture_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        preview(VOLUME, SPINE, tmp_path / "file" / "a.png")
    with pytest.raises(OutputError):
        preview(VOLUME, SPINE, tmp_path)


PREDICTED = Spine(tuple(Vertebra(v.label, tuple(np.add(v.centroid_mm, 2)), 0.8) for v in SPINE)[:-1])
RESULT = evaluate(
    [("a", SPINE, PREDICTED), ("b", SPINE, PREDICTED.shifted(1)), ("c", SPINE, None)], resamples=0
)
EMPTY = evaluate([("a", Spine(), Spine())], resamples=0)
BLANK = evaluate([("a", SPINE, None)], resamples=0)


@pytest.mark.parametrize("plot", [boxplot, confusion, histogram, reliability_diagram])
@pytest.mark.parametrize("result", [RESULT, EMPTY, BLANK], ids=["result", "empty", "blank"])
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_plots_are_drawn(tmp_path, plot, result, suffix):
    path = tmp_path / f"plot.{suffix}"
    plot(result, path)
    if suffix == "png":
        array = pixels(path)
        assert min(array.shape[:2]) >= 380
        assert array.std() > (10 if result is RESULT else 1)
    else:
        assert path.read_text().rstrip().endswith("</svg>")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_confusion_matrix_by_hand():
    labels, counts = confusion_matrix(RESULT)
    assert labels == list(range(17, 25))
    expected = np.zeros((9, 9), int)
    for row in range(7):
        expected[row, row] += 1  # scan a
        expected[row, row + 1] += 1  # scan b: all one lower
        expected[row, 8] += 1  # scan c: nothing
    expected[7, 8] = 3
    assert (counts == expected).all()


def test_confusion_counts_invented_vertebrae():
    far = Spine.from_centroids({20: (500, 0, 0)})
    labels, counts = confusion_matrix(
        evaluate([("a", Spine.from_centroids({21: (0, 0, 0)}), far)], resamples=0)
    )
    assert labels == [20, 21]
    assert counts.tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 0]]


def reddish(array):
    """Share of clearly red pixels."""
    red, green, blue = np.moveaxis(array, -1, 0)
    return ((red > 120) & (red > 1.6 * green) & (red > 1.6 * blue)).mean()


def test_reference_pictures(tmp_path):
    empty = Volume(np.zeros(SHAPE, np.uint8), VOLUME.grid)
    detection_grid(
        {"a": VOLUME, "b": VOLUME}, {"one": [SPINE.mask] * 2, "two": [empty, SPINE.mask]}, tmp_path / "g.png"
    )
    array = pixels(tmp_path / "g.png")
    upper, lower = np.array_split(array, 2)
    assert reddish(upper) > reddish(lower) > 0.002
    centroid_row(
        [Compared("a", VOLUME, SPINE, PREDICTED), Compared("b", VOLUME, SPINE, Spine())], tmp_path / "r.png"
    )
    left, right = np.array_split(pixels(tmp_path / "r.png"), 2, axis=1)
    assert reddish(left) > 0.002
    assert reddish(right) == 0
    detection_picture(VOLUME, SPINE.mask, tmp_path / "d.png", title="d")
    assert reddish(pixels(tmp_path / "d.png")) > 0.01
    detection_picture(VOLUME, empty, tmp_path / "d.png")
    assert reddish(pixels(tmp_path / "d.png")) == 0
    identification_picture(VOLUME, SPINE.mask, tmp_path / "i.png")
    assert len(np.unique(pixels(tmp_path / "i.png").reshape(-1, 3), axis=0)) > 200
    identification_picture(VOLUME, empty, tmp_path / "i.png")


def test_rows_of_the_grid_are_told_apart(tmp_path):
    """Names beside the rows are written out; of very long ones the end, where models differ."""
    for names in (("saved_models/first", "saved_models/second"), ("x" * 60 + "1", "x" * 60 + "2")):
        for name in names:
            detection_grid({"a": VOLUME}, {name: [SPINE.mask]}, tmp_path / f"{name[-1]}.png")
        first, second = (pixels(tmp_path / f"{name[-1]}.png") for name in names)
        assert first.shape != second.shape or (first != second).any()
        assert first.shape[1] < 900


@settings(deadline=None, max_examples=8)
@given(orientations)
def test_surface_of_any_orientation(codes):
    points = SPINE.centroids_mm
    box = view_box(VOLUME.grid, points)
    expected = cut(VOLUME, points, "sagittal", box)
    turned = VOLUME.reoriented(codes)
    found = cut(turned, points, "sagittal", view_box(turned.grid, points))
    np.testing.assert_allclose(found.image, expected.image, atol=0.5)


@pytest.mark.data
def test_preview_of_a_real_scan(shared_data, tmp_path):
    from spondyl.datasets import find_cases

    (case,) = [c for c in find_cases(shared_data / "spine-ct/testing_dataset") if c.name == "verse008"]
    volume, truth = case.load()
    preview(volume, truth, tmp_path / "a.png", title=case.name)
    column = names_column(pixels(tmp_path / "a.png"))
    inked = (column.max(axis=2) > 100).sum(axis=1) > 3
    assert (np.diff(inked.astype(int)) == 1).sum() == len(truth)
