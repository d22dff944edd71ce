"""Centroid files: every format both ways, foreign variants, and clear errors."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.errors import AnnotationError, OutputError
from spondyl.io import read_centroids, write_centroids
from spondyl.io.centroids.lml import LML_ID
from spondyl.spine import Spine, Vertebra
from spondyl.volume import Grid, Volume
from strategies import assert_same_spine, grids, orientations, spines

few = settings(deadline=None, max_examples=30)
GRID = Grid.from_spacing((40, 50, 60), (2, 1, 3), "LPS")
LUMBAR = Spine.from_centroids(
    {20: (-40, -20, 160), 21: (-40, -20, 125), 22: (-42, -22, 90), 23: (-44, -20, 58)}
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("centroids")


def written(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@st.composite
def scans(draw):
    grid = draw(grids())
    return grid, draw(spines(grid))


@few
@given(scans(), st.sampled_from(["a.lml", "a.json", "a.mrk.json", "a.csv"]))
def test_every_format_round_trips(folder, scan, name):
    grid, spine = scan
    write_centroids(spine, folder / name, grid)
    precision = {"a.lml": 1e-4, "a.json": 1e-3 * max(grid.spacing_mm), "a.mrk.json": 1e-4, "a.csv": 1e-4}
    assert_same_spine(read_centroids(folder / name, grid), spine, 1.01 * precision[name])


@few
@given(scans(), orientations, st.sampled_from(["a.lml", "a.json"]))
def test_a_scan_stored_otherwise_has_the_same_centroids(folder, scan, codes, name):
    """Formats that count voxels give the same world points whatever the storage order."""
    grid, spine = scan
    turned = grid.reoriented(codes)
    write_centroids(spine, folder / name, turned)
    assert_same_spine(read_centroids(folder / name, turned), spine, 1e-2)


@few
@given(scans(), orientations)
def test_the_1mm_frame_does_not_depend_on_the_storage_order(folder, scan, codes):
    grid, spine = scan
    path = folder / "challenge.json"
    write_centroids(spine, path, grid, format="verse-1mm")
    before = path.read_text()
    found = read_centroids(path, grid.reoriented(codes), frame="1mm")
    assert_same_spine(found, spine, 1e-2)
    write_centroids(spine, path, grid.reoriented(codes), format="verse-1mm")
    for a, b in zip(json.loads(before), json.loads(path.read_text()), strict=True):
        assert a == pytest.approx(b, abs=2e-3)


def test_lml_offsets_are_along_the_axes_of_the_file(tmp_path):
    """Worked by hand: image x to the left, y to the back, voxels of 2 x 1 x 3 mm."""
    path = written(tmp_path / "a.lml", "# 0\n190\tT12_center\t10\t7\t30\n")
    assert read_centroids(path, GRID)["T12"].centroid_mm == (-10, -7, 30)
    write_centroids(read_centroids(path, GRID), path, GRID)
    assert path.read_text() == "# spondyl\n190\tT12_center\t10.0000\t7.0000\t30.0000\n"


def test_lml_reads_what_people_write(tmp_path):
    text = (
        "# 3\r\n# a remark\r\n10\tC1_center\t1\t2\t3\r\n\r\n999  l6 4.5  5e0 -6\r\n 0 S2_CENTER 7 8 9\r\n\r\n"
    )
    spine = read_centroids(written(tmp_path / "a.lml", "\ufeff" + text), GRID)
    assert spine.names == ("C1", "L6", "S2")
    assert spine["L6"].centroid_mm == (-4.5, -5, -6)


def test_lml_ids_are_those_of_biomedia_and_keep_the_order():
    known = {"C1": 10, "C7": 70, "T1": 80, "T12": 190, "L1": 200, "L5": 240, "S1": 250, "S2": 260}
    spine = Spine(tuple(Vertebra(label, (0, 0, 0)) for label in range(1, 29)))
    assert {name: LML_ID[spine[name].label] for name in known} == known
    ids = [LML_ID[label] for label in spine.labels]
    assert ids == sorted(set(ids))


def test_a_header_without_lines_is_a_scan_without_vertebrae(tmp_path):
    assert len(read_centroids(written(tmp_path / "a.lml", "# 0\n"), GRID)) == 0
    assert len(read_centroids(written(tmp_path / "a.json", [{"direction": ["L", "P", "S"]}]), GRID)) == 0


LML_ERRORS = {
    "#\n10\tC1_center\t1\t2\t3\n20\tX9_center\t1\t2\t3\n": r"line 3: unknown label 'X9_center'",
    "#\nC1 center\n": r"line 2: expected 'id name x y z', found 2 words: 'C1 center'",
    "#\n10 C1_center 1 2\n": "line 2: .*found 4 words",
    "#\n10 C1_center 1 2 three\n": "line 2: expected a number, found 'three'",
    "#\n10 C1_center 1 2 nan\n": "line 2: expected a number",
    "#\n10 C1_center 1 2 3\n20 C1_center 1 2 3\n": "C1 annotated more than once",
    "": "empty file",
    " \n\n": "empty file",
}


@pytest.mark.parametrize("content", LML_ERRORS)
def test_lml_errors_name_file_and_line(tmp_path, content):
    path = written(tmp_path / "bad.lml", content)
    with pytest.raises(AnnotationError, match=LML_ERRORS[content]) as error:
        read_centroids(path, GRID)
    assert str(path) in str(error.value)


def test_verse_voxel_frame_worked_by_hand(tmp_path):
    """Direction P, I, R: x counts to the back, y to the feet, z to the right, in voxels."""
    grid = Grid((100, 200, 50), np.array([[0, 0, 2, 5], [-1, 0, 0, 30], [0, -1.5, 0, 400], [0, 0, 0, 1.0]]))
    assert grid.codes == "PIR"
    content = [
        {"direction": ["P", "I", "R"], "zoom": [1, 1.5, 2]},
        {"label": 20, "X": 10, "Y": 20, "Z": 30.5, "u": 1},
    ]
    spine = read_centroids(written(tmp_path / "a_ctd.json", content), grid)
    assert spine["L1"].centroid_mm == (66, 20, 370)
    turned = grid.reoriented("LAS")
    assert_same_spine(read_centroids(tmp_path / "a_ctd.json", turned), spine, 1e-9)


def test_verse_challenge_frame_worked_by_hand(tmp_path):
    """No direction: mm from the anterior superior left voxel, to the back, the feet, the right."""
    grid = Grid.from_spacing((60, 80, 50), (2, 1, 3), "RAS")
    corner = np.array([0, 79, 147])
    content = [{"label": 20, "X": 30, "Y": 20, "Z": 40}, {"label": 21, "X": 30, "Y": 53, "Z": 40}]
    spine = read_centroids(written(tmp_path / "a_iso-ctd.json", content), grid)
    np.testing.assert_allclose(spine["L1"].centroid_mm, np.add(corner, [40, -30, -20]))


def frames_of(tmp_path, spine, grid, direction):
    """The same spine in both frames, both with or both without the direction item."""
    head = [{"direction": list(grid.codes)}] if direction else []
    paths = {}
    for frame, name in (("voxel", "verse"), ("1mm", "verse-1mm")):
        write_centroids(spine, tmp_path / f"{frame}.json", grid, format=name)
        items = [item for item in json.loads((tmp_path / f"{frame}.json").read_text()) if "label" in item]
        paths[frame] = written(tmp_path / f"{frame}.json", head + items)
    return paths


@pytest.mark.parametrize("spacing", [0.4, 0.6, 2.0])
@pytest.mark.parametrize("direction", [True, False])
def test_the_frame_is_found_by_distances_when_the_file_is_in_the_unexpected_one(
    tmp_path, caplog, spacing, direction
):
    grid = Grid.from_spacing([round(200 / spacing)] * 3, [spacing] * 3, "PIR")
    spine = Spine.from_centroids(
        {20 + i: grid.to_world(np.array([90, 30 + 33 * i, 100]) / spacing) for i in range(5)}
    )
    for frame, path in frames_of(tmp_path, spine, grid, direction).items():
        caplog.clear()
        assert_same_spine(read_centroids(path, grid), spine, 1e-2)
        unexpected = (frame == "voxel") != direction
        assert ("does not fit the scan" in caplog.text) is unexpected


@pytest.mark.parametrize("direction", [True, False])
def test_the_mask_settles_the_frame_where_distances_cannot(tmp_path, direction):
    """Thick sagittal slices: the frames differ only from left to right, where nothing else tells."""
    grid = Grid.from_spacing((100, 200, 60), (1, 1, 2), "PIR")
    voxels = {20 + i: np.array([50, 30 + 33 * i, 20]) for i in range(5)}
    spine = Spine.from_centroids({label: grid.to_world(voxel) for label, voxel in voxels.items()})
    data = np.zeros(grid.shape, np.uint8)
    for label, (i, j, k) in voxels.items():
        data[i - 8 : i + 8, j - 8 : j + 8, k - 5 : k + 5] = label
    mask = Volume(data, grid).reoriented("RAS")
    paths = frames_of(tmp_path, spine, grid, direction)
    for path in paths.values():
        assert_same_spine(read_centroids(path, grid, mask=mask), spine, 1e-2)
    expected, other = ("voxel", "1mm") if direction else ("1mm", "voxel")
    assert_same_spine(read_centroids(paths[expected], grid), spine, 1e-2)
    assert_same_spine(read_centroids(paths[other], grid, frame=other), spine, 1e-2) if direction else None
    with pytest.raises(AssertionError):  # without the mask the expected frame is taken
        assert_same_spine(read_centroids(paths[other], grid), spine, 1e-2)


@pytest.mark.parametrize("point", [{"X": float("nan"), "Y": 1, "Z": 2}])
def test_verse_points_outside_the_view_are_left_out(tmp_path, point):
    content = [
        {"direction": ["L", "P", "S"]},
        {"label": 3, **point},
        {"label": "4", "X": "1", "Y": 2, "Z": 3},
    ]
    assert read_centroids(written(tmp_path / "a.json", content), GRID).names == ("C4",)


VERSE_ERRORS = [
    ([{"label": 29, "X": 1, "Y": 2, "Z": 3}], "item 1: unknown label 29"),
    ([{"direction": ["P", "I", "R"]}, {"label": 0, "X": 1, "Y": 2, "Z": 3}], "item 2: unknown label 0"),
    ([{"label": 20.5, "X": 1, "Y": 2, "Z": 3}], "unknown label"),
    ([{"label": "L1", "X": 1, "Y": 2, "Z": 3}], "expected a number, found 'L1'"),
    ([{"label": 20, "X": 1, "Y": 2}], "item 1: expected a number, found None"),
    ([{"direction": ["P", "A", "R"]}], "unknown direction"),
    ([{"direction": 7}], "unknown direction 7"),
    ([1, 2, 3], "expected a list of objects"),
    ("text", "expected a list of objects"),
    ({"label": 20}, "neither a VerSe centroid file"),
    ([{"label": 20, "X": 1, "Y": 2, "Z": 3}] * 2, "L1 annotated more than once"),
]


@pytest.mark.parametrize(("content", "message"), VERSE_ERRORS)
def test_verse_errors(tmp_path, content, message):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(content))
    with pytest.raises(AnnotationError, match=message) as error:
        read_centroids(path, GRID)
    assert str(path) in str(error.value)


def slicer(points, **header):
    return {"@schema": "x", "markups": [{"type": "Fiducial", **header, "controlPoints": points}], "new": 1}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"coordinateSystem": "LPS"}, (-1, -2, 3)),
        ({"coordinateSystem": "RAS"}, (1, 2, 3)),
        ({}, (-1, -2, 3)),
        ({"coordinateUnits": ["mm", "UCUM", "mm"]}, (-1, -2, 3)),
    ],
)
def test_slicer_coordinate_systems(tmp_path, header, expected):
    points = [{"label": "T13", "position": [1, 2, 3], "selected": True}]
    spine = read_centroids(written(tmp_path / "a.mrk.json", slicer(points, **header)))
    assert spine["T13"].centroid_mm == expected


def test_slicer_writes_lps_and_reads_all_lists(tmp_path):
    write_centroids(LUMBAR, tmp_path / "a.mrk.json")
    document = json.loads((tmp_path / "a.mrk.json").read_text())
    (markup,) = document["markups"]
    assert markup["coordinateSystem"] == "LPS"
    assert markup["controlPoints"][0]["label"] == "L1"
    assert markup["controlPoints"][0]["position"] == [40, 20, 160]
    more = slicer([{"label": "T12", "position": [0, 0, 0]}, {"label": "F-1", "positionStatus": "undefined"}])
    document["markups"] += more["markups"]
    assert read_centroids(written(tmp_path / "b.json", document)).names == ("T12", "L1", "L2", "L3", "L4")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (slicer([{"label": "F-1", "position": [1, 2, 3]}]), "control point 1: unknown label 'F-1'"),
        (slicer([{"label": "L1", "position": [1, 2]}]), "expected 'position'"),
        (slicer([{"label": "L1"}]), "expected 'position'"),
        (slicer([7]), "expected an object"),
        (slicer([], coordinateSystem="XYZ"), "unknown coordinateSystem 'XYZ'"),
        (slicer([], coordinateUnits="m"), "expected mm"),
        ({"markups": [3]}, "expected point lists"),
        ({"markups": 3}, "neither"),
        (slicer([{"label": "L1", "position": [1, 2, 3]}] * 2), "more than once"),
    ],
)
def test_slicer_errors(tmp_path, content, message):
    with pytest.raises(AnnotationError, match=message):
        read_centroids(written(tmp_path / "a.mrk.json", content))


def test_csv_keeps_probabilities(tmp_path):
    spine = Spine((Vertebra(28, (1, 2, 3), 0.25), Vertebra(20, (4, 5, 6))))
    write_centroids(spine, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        "name,label,x_mm,y_mm,z_mm,probability",
        "T13,28,1.0000,2.0000,3.0000,0.2500",
        "L1,20,4.0000,5.0000,6.0000,",
    ]
    assert [v.probability for v in read_centroids(tmp_path / "a.csv")] == [0.25, None]


@pytest.mark.parametrize(
    "text",
    [
        "label,x_mm,y_mm,z_mm\n20,1,2,3\n",
        "remark, name , z_mm, x_mm, y_mm\nfine, l1, 3, 1, 2\n",
        "name,label,x_mm,y_mm,z_mm\nL1,99,1,2,3\n",  # the name rules
        "label,name,x_mm,y_mm,z_mm\n20,,1,2,3\n\n",
    ],
)
def test_csv_reads_what_people_write(tmp_path, text):
    assert read_centroids(written(tmp_path / "a.csv", text))["L1"].centroid_mm == (1, 2, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "expected the columns name,label"),
        ("x_mm,y_mm,z_mm\n1,2,3\n", "expected the columns"),
        ("name,x_mm,y_mm,z_mm\nL1,1,2,3\nQ1,1,2,3\n", "line 3: unknown label 'Q1'"),
        ("label,x_mm,y_mm,z_mm\n77,1,2,3\n", "line 2: unknown label '77'"),
        ("name,x_mm,y_mm,z_mm\nL1,1,2\n", "line 2: expected a number, found None"),
        ("name,x_mm,y_mm,z_mm\nL1,1,2,\n", "line 2: expected a number, found ''"),
    ],
)
def test_csv_errors(tmp_path, text, message):
    with pytest.raises(AnnotationError, match=message):
        read_centroids(written(tmp_path / "a.csv", text))


@pytest.mark.parametrize("name", ["a.lml", "a.json"])
def test_formats_that_count_voxels_need_the_grid(tmp_path, name):
    with pytest.raises(AnnotationError, match="pass the scan's grid"):
        write_centroids(LUMBAR, tmp_path / name)
    write_centroids(LUMBAR, tmp_path / name, GRID)
    with pytest.raises(AnnotationError, match="pass the scan's grid"):
        read_centroids(tmp_path / name)


@pytest.mark.parametrize("name", ["a.lml", "a.json", "a.mrk.json", "a.csv"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00\x80", b"[" * 100_000, b'{"a": '])
def test_missing_and_damaged_files(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(AnnotationError, match=name):
        read_centroids(tmp_path / name, GRID)


def test_unknown_formats(tmp_path):
    with pytest.raises(AnnotationError, match="unknown centroid format"):
        read_centroids(tmp_path / "a.txt")
    with pytest.raises(AnnotationError, match="unknown centroid format"):
        write_centroids(LUMBAR, tmp_path / "a.txt")
    with pytest.raises(AnnotationError, match="unknown format 'xml'"):
        write_centroids(LUMBAR, tmp_path / "a.txt", GRID, format="xml")


def test_the_format_may_be_named(tmp_path):
    write_centroids(LUMBAR, tmp_path / "a.json", format="slicer")
    assert_same_spine(read_centroids(tmp_path / "a.json"), LUMBAR, 1e-4)


def test_nothing_is_left_behind_where_nothing_can_be_written(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(OutputError, match=r"a\.csv"):
        write_centroids(LUMBAR, tmp_path / "a.csv")
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]
