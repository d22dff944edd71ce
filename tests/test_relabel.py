"""Corrections on disk: every file follows, or none."""

import json
import shutil
from dataclasses import replace

import jsonschema
import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl import relabel as corrections
from spondyl.anatomy import LABEL_OF
from spondyl.errors import AnnotationError, ImageError, InputError, OutputError
from spondyl.export import FORMATS
from spondyl.io import read_centroids, read_image, read_mask, write_image
from spondyl.morphometry import measure
from spondyl.outputs import write_outputs
from spondyl.result import Result, json_schema, read_result
from spondyl.result_measurements import Measurements
from spondyl.spine import Numbering, Spine, Vertebra
from spondyl.volume import Grid, Volume

GRID = Grid.from_spacing((24, 20, 40), (2, 2, 2), "LPS")
SOME = ("csv", "lml", "mrk", "nrrd", "totalsegmentator", "gltf")


def boxes(labels, *, nameless=(), others=()):
    """Vertebrae as boxes one above the other; those ``nameless`` are in the mask only."""
    data = np.zeros(GRID.shape, np.uint8)
    vertebrae = []
    for place, label in enumerate(labels):
        top = GRID.shape[2] - 3 - 5 * place
        data[8:16, 6:12, top - 3 : top] = label
        if label not in nameless:
            vertebrae.append(Vertebra(label, GRID.to_world((11.5, 8.5, top - 2)), 0.9))
    return Spine(tuple(vertebrae), Volume(data, GRID), 0.8, others, provenance={"timings_s": {"read": 0.1}})


def written(base, names="T11 T12 L1", also=SOME, name="scan", *, preview=True, **options):
    scan = base / "scans" / f"{name}.nii.gz"
    values = np.random.default_rng(0).integers(-200, 400, GRID.shape).astype(np.int16)
    volume = Volume(values, GRID)
    write_image(volume, scan)
    spine = boxes([LABEL_OF[word] for word in names.split()], **options)
    write_outputs(spine, volume, base / "out" / name, file=scan, also=also, preview=preview)
    return base / "out" / name


def measured(base):
    """A result with measurements."""
    folder = written(base, also=())
    spine, volume = read_result(folder, mask=True), read_image(base / "scans" / "scan.nii.gz")
    spine = replace(spine, measurements=measure(volume, spine))
    write_outputs(spine, volume, folder, file=base / "scans" / "scan.nii.gz", overwrite=True)
    return folder


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path):
    return written(tmp_path)


def test_every_file_follows(folder):
    before = read_result(folder, mask=True)
    corrections.relabel(folder, {"T12": "L1"})
    result = Result.read(folder / "result.json")
    assert [v.name for v in result.vertebrae] == ["T12", "L1", "L2"]
    jsonschema.Draft202012Validator(json_schema()).validate(json.loads((folder / "result.json").read_text()))
    table = {"T11": "T12", "T12": "L1", "L1": "L2"}
    assert result.history[0].renamed == table
    assert [v.name for v in result.model_answer.vertebrae] == ["T11", "T12", "L1"]
    for name in ("centroids.json", "centroids.csv", "centroids.lml", "centroids.mrk.json"):
        read = read_centroids(folder / name, GRID)
        for old, new in table.items():
            np.testing.assert_allclose(read[new].centroid_mm, before[old].centroid_mm, atol=5e-3)
    for name in ("mask.nii.gz", "mask.seg.nrrd", "segmentations"):
        mask = read_mask(folder / name, GRID)
        for old, new in table.items():
            np.testing.assert_array_equal(mask.data == LABEL_OF[new], before.mask.data == LABEL_OF[old])
    assert set(np.unique(nib.load(folder / "mask.nii.gz").dataobj)) == {0, 19, 20, 21}
    assert not (folder / "segmentations" / "vertebrae_T11.nii.gz").exists()
    assert not list(folder.parent.glob(".*"))


def test_undo_restores_every_byte(folder):
    before = contents(folder)
    corrections.shift(folder, 1)
    once = contents(folder)
    assert all(before[name] != once[name] for name in before.keys() & once.keys())
    corrections.relabel(folder, {"L1": "T13"})
    corrections.undo(folder)
    assert contents(folder) == once
    corrections.undo(folder)
    assert contents(folder) == before
    with pytest.raises(AnnotationError, match=r"scan: nothing to undo"):
        corrections.undo(folder)


@given(
    names=st.lists(st.sampled_from(list(LABEL_OF)), unique=True, min_size=1, max_size=6),
    by=st.integers(1, 4),
    sign=st.sampled_from([1, -1]),
)
@settings(deadline=None, max_examples=12)
def test_there_and_back_restores_all_but_the_history(tmp_path_factory, names, by, sign):
    folder = written(
        tmp_path_factory.mktemp("case"), " ".join(names), ("csv", "nrrd", "totalsegmentator"), preview=False
    )
    before = contents(folder)
    try:
        corrections.shift(folder, sign * by)
    except AnnotationError:
        assert contents(folder) == before
        return
    corrections.shift(folder, -sign * by)
    after = contents(folder)
    old, new = json.loads(before.pop("result.json")), json.loads(after.pop("result.json"))
    assert len(new["history"]) == 2
    assert {**new, "history": [], "model_answer": None} == old
    assert after == before


def volumes(folder):
    spine = read_result(folder)
    return {name: spine.measurements[name]["volume"].value for name in spine.names}


def test_measurements_are_taken_anew_under_the_new_names(tmp_path):
    folder = measured(tmp_path)
    before, first = contents(folder), volumes(folder)
    corrections.shift(folder, 1)
    spine = read_result(folder, mask=True)
    anew = measure(read_image(tmp_path / "scans" / "scan.nii.gz"), spine)
    assert Measurements.of(spine.measurements) == Measurements.of(anew)
    assert list(volumes(folder).values()) == list(first.values())
    corrections.undo(folder)
    assert contents(folder) == before


def test_without_the_scan_measurements_are_renamed(tmp_path):
    folder = measured(tmp_path)
    first = Result.read(folder / "result.json").measurements
    (tmp_path / "scans").rename(tmp_path / "moved")
    corrections.shift(folder, 1)
    spine = read_result(folder)
    assert {m.refused.code for m in spine.measurements.angles.values()} == {"renamed"}
    assert volumes(folder)["T12"] == first.to_morphometry()["T11"]["volume"].value
    corrections.undo(folder)
    assert Result.read(folder / "result.json").measurements == first


def test_a_vertebra_of_the_mask_alone_follows_too(tmp_path):
    """Else its voxels would melt into those of its neighbour, for good."""
    folder = written(tmp_path, nameless=(20,))
    before = contents(folder)
    corrections.shift(folder, 1)
    assert set(np.unique(read_mask(folder / "mask.nii.gz").data)) == {0, 19, 20, 21}
    corrections.undo(folder)
    assert contents(folder) == before
    with pytest.raises(AnnotationError, match="two vertebrae would be called L1"):
        corrections.relabel(folder, {"T12": "L1"}, only=True)


def test_a_deleted_vertebra_takes_its_voxels_along_and_comes_back(folder):
    before = contents(folder)
    corrections.delete(folder, "T12")
    assert read_result(folder).names == ("T11", "L1")
    for name in ("mask.nii.gz", "mask.seg.nrrd", "segmentations"):
        assert set(np.unique(read_mask(folder / name, GRID).data)) == {0, 18, 20}
    assert set(np.unique(read_mask(folder / "model_mask.nii.gz").data)) == {0, 18, 19, 20}
    corrections.shift(folder, 1)
    once = contents(folder)
    corrections.delete(folder, "L2")
    assert set(np.unique(read_mask(folder / "mask.nii.gz").data)) == {0, 19}
    corrections.undo(folder)
    assert contents(folder) == once
    corrections.undo(folder)
    corrections.undo(folder)
    assert contents(folder) == before


def test_moved_and_added_vertebrae_leave_the_mask_alone(folder):
    before = read_mask(folder / "mask.nii.gz").data
    point = tuple(GRID.to_world((12, 9, 5)))
    corrections.add(folder, "L2", point)
    corrections.move(folder, "t12", tuple(GRID.to_world((12, 9, 30))))
    spine = read_result(folder)
    assert spine.names == ("T11", "T12", "L1", "L2")
    for name in ("centroids.json", "centroids.csv", "centroids.lml", "centroids.mrk.json"):
        read = read_centroids(folder / name, GRID)
        np.testing.assert_allclose(read["L2"].centroid_mm, point, atol=5e-3)
        np.testing.assert_allclose(read["T12"].centroid_mm, GRID.to_world((12, 9, 30)), atol=5e-3)
    np.testing.assert_array_equal(read_mask(folder / "mask.nii.gz").data, before)
    assert not (folder / "model_mask.nii.gz").exists()


def test_redo_makes_a_correction_again(folder):
    corrections.delete(folder, "T12")
    corrected = contents(folder)
    entry = Result.read(folder / "result.json").history[-1]
    corrections.undo(folder)
    corrections.redo(folder, entry)
    assert contents(folder) == corrected
    with pytest.raises(AnnotationError, match="'delete T12' was made on another state"):
        corrections.redo(folder, entry)


def test_another_numbering_is_one_correction(tmp_path):
    others = (
        Numbering(tuple(LABEL_OF[name] for name in ("T12", "L1", "L2", "L3")), 0.12, "one level lower"),
        Numbering(
            (0, *(LABEL_OF[name] for name in ("T11", "T12", "L1"))), 0.06, "without the one called T11"
        ),
    )
    folder = written(tmp_path, "T11 T12 L1 L2", also=(), others=others)
    before = contents(folder)
    assert [v.name for v in corrections.renumber(folder, 2).vertebrae] == ["T11", "T12", "L1"]
    now = Result.read(folder / "result.json")
    assert now.history[-1].what == "delete T11 T12=T11 L1=T12 L2=L1"
    assert now.alternatives == ()
    assert sorted(np.unique(read_mask(folder / "mask.nii.gz").data)) == [0, 18, 19, 20]
    with pytest.raises(InputError, match="no other numbering 1: this result has none"):
        corrections.renumber(folder, 1)
    corrections.undo(folder)
    assert contents(folder) == before
    assert [v.name for v in corrections.renumber(folder, 1).vertebrae] == ["T12", "L1", "L2", "L3"]
    with pytest.raises(InputError, match="3 names for 4 vertebrae"):
        corrections.renumber(folder, ["T12", "L1", None])


def test_only_some(folder):
    corrections.relabel(folder, {"L1": "L2", "T12": "T13"}, only=True)
    assert read_result(folder).names == ("T11", "T13", "L2")
    assert Result.read(folder / "result.json").history[0].what == "L1=L2 T12=T13 only"


def test_notes_of_the_reader_stay(folder):
    (folder / "notes.txt").write_text("seen")
    (folder / "more").mkdir()
    (folder / "more" / "a.txt").write_text("a")
    corrections.shift(folder, 1)
    assert (folder / "notes.txt").read_text() == "seen"
    assert (folder / "more" / "a.txt").read_text() == "a"


def test_exports_made_later_follow(folder):
    from spondyl.export.convert import export_result

    export_result(folder, ["ply"])
    corrections.shift(folder, 1)
    assert sorted(path.name for path in (folder / "ply").iterdir()) == ["L1.ply", "L2.ply", "T12.ply"]


def test_the_preview_without_its_scan(folder, caplog):
    before = contents(folder)
    (folder.parent.parent / "scans").rename(folder.parent.parent / "moved")
    scan = folder.parent.parent / "moved" / "scan.nii.gz"
    corrections.shift(folder, 1)
    assert ["preview is drawn without it" in record.message for record in caplog.records] == [True]
    blind = (folder / "preview.png").read_bytes()
    corrections.undo(folder, image=scan)
    assert contents(folder) == before
    corrections.shift(folder, 1, image=scan)
    assert (folder / "preview.png").read_bytes() != blind


def test_a_result_alone_needs_no_scan(tmp_path, caplog):
    Result.of(boxes([19, 20]), GRID).write(tmp_path / "alone" / "result.json")
    corrections.shift(tmp_path / "alone", 1)
    assert read_result(tmp_path / "alone").names == ("L1", "L2")
    assert not caplog.records
    assert [path.name for path in (tmp_path / "alone").iterdir()] == ["result.json"]


BAD = {
    "no such vertebra": (lambda f: corrections.relabel(f, {"C3": "C4"}), AnnotationError, "there is no C3"),
    "no vertebra at all": (lambda f: corrections.relabel(f, {"X3": "C4"}), AnnotationError, "'X3' is not"),
    "leaving": (lambda f: corrections.shift(f, -18), AnnotationError, r"leave C1\.\.S2"),
    "leaving below": (lambda f: corrections.relabel(f, {"T11": "S2"}), AnnotationError, r"leave C1\.\.S2"),
    "twice": (lambda f: corrections.relabel(f, {"T12": "L1"}, only=True), AnnotationError, "called L1"),
    "nothing": (lambda f: corrections.relabel(f, {"T12": "t12"}), InputError, "would change"),
    "none": (lambda f: corrections.relabel(f, {}), InputError, "would change"),
    "two leaders": (lambda f: corrections.relabel(f, {"T12": "L1", "L1": "L2"}), InputError, "--only"),
    "by nothing": (lambda f: corrections.shift(f, 0), InputError, "changes nothing"),
    "moving out": (lambda f: corrections.move(f, "L1", (0, 0, 900)), AnnotationError, "outside of the scan"),
    "adding twice": (lambda f: corrections.add(f, "L1", (0, 0, 0)), AnnotationError, "there is a L1"),
    "deleting nothing": (lambda f: corrections.delete(f, "C3"), AnnotationError, "there is no C3"),
    "no folder": (lambda f: corrections.shift(f / "no", 1), AnnotationError, "found none"),
    "no image": (lambda f: corrections.shift(f, 1, image=f / "no.nii.gz"), ImageError, "no such file"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests_change_nothing(folder, name):
    act, error, message = BAD[name]
    before = contents(folder)
    with pytest.raises(error, match=message):
        act(folder)
    assert contents(folder) == before
    assert not list(folder.parent.glob(".*"))


def _edit(folder, **changes):
    path = folder / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_results_of_other_programs_are_left_alone(folder):
    files = Result.read(folder / "result.json").files
    for changes, message in (
        ({"schema_version": 2}, "version 1 expected, found 2"),
        ({"schema_version": 1, "files": {**files, "hologram": "h.bin"}}, "hologram, which this version"),
        ({"files": {k: v for k, v in files.items() if k != "mask"}}, "no mask to make them from"),
    ):
        _edit(folder, **changes)
        before = contents(folder)
        with pytest.raises(AnnotationError, match=message):
            corrections.shift(folder, 1)
        assert contents(folder) == before


def test_another_scan_is_refused(folder, tmp_path):
    other = Grid.from_spacing((24, 20, 41), (2, 2, 2), "LPS")
    write_image(
        Volume(np.arange(24 * 20 * 41, dtype=np.int16).reshape(other.shape), other), tmp_path / "b.nii.gz"
    )
    with pytest.raises(ImageError, match="not the scan of this result"):
        corrections.shift(folder, 1, image=tmp_path / "b.nii.gz")


def test_an_empty_result_has_nothing_to_rename(tmp_path):
    Result.of(Spine(), GRID).write(tmp_path / "empty" / "result.json")
    with pytest.raises(AnnotationError, match="no vertebra was found"):
        corrections.shift(tmp_path / "empty", 1)


def test_a_writer_that_fails_leaves_the_old_result(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    before = contents(folder)
    monkeypatch.setitem(FORMATS, "csv", replace(FORMATS["csv"], write=full))
    with pytest.raises(OutputError, match="No space left"):
        corrections.shift(folder, 1)
    assert contents(folder) == before
    assert not list(folder.parent.glob(".*"))


def test_a_swap_that_fails_puts_the_old_result_back(folder, monkeypatch):
    from pathlib import Path

    rename = Path.rename

    def unlucky(self, target):
        if self.name == "new":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    before = contents(folder)
    monkeypatch.setattr(Path, "rename", unlucky)
    with pytest.raises(OutputError, match="Input/output error"):
        corrections.shift(folder, 1)
    monkeypatch.undo()
    assert contents(folder) == before


def test_a_moved_result_still_knows_its_scan(folder, tmp_path, caplog):
    """Both moved together: the way from one to the other is the same."""
    shutil.move(tmp_path / "out", tmp_path / "elsewhere" / "out")
    shutil.move(tmp_path / "scans", tmp_path / "elsewhere" / "scans")
    corrections.shift(tmp_path / "elsewhere" / "out" / "scan", 1)
    assert not caplog.records
