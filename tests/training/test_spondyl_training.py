"""The default recipe from a data set on disk to a spine, with toy networks."""

import shutil
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from spine_toys import toy_scan

import spondyl
from spondyl.errors import DatasetError, ModelError, OutputError
from spondyl.io import write_centroids, write_image, write_mask
from spondyl.models import combine
from spondyl.recipes.spondyl import SpondylRecipe, StageSettings, TrainingSettings
from spondyl.training.checkpoint import sole_training
from spondyl.training.corpus import prepare_case
from spondyl.training.options import RunOptions
from spondyl.training.preparation import level_weights, prepare_dataset, prepare_phantoms
from spondyl.training.spondyl import _Cases, train_spondyl
from spondyl.training.team import Team
from spondyl.volume import Volume

STAGE = StageSettings(spacing_mm=4.0, patch_vox=(16, 16, 24), widths=(4, 8, 8), offsets=False, levels=False)
RECIPE = SpondylRecipe(
    detection=STAGE,
    identification=STAGE.model_copy(update={"offsets": True, "levels": True}),
    segmentation=STAGE.model_copy(update={"offsets": True, "spacing_mm": 1.9}),
    training=TrainingSettings(iterations=3, batch_size=1, warmup=1, phantoms=0),
)


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "data"
    for place, codes in enumerate(("LPS", "RAS")):
        image, spine = toy_scan(codes, with_mask=place == 0)
        write_image(image, folder / f"case{place}.nii.gz")
        write_centroids(spine, folder / f"case{place}.lml", image.grid)
        if spine.mask is not None:
            write_mask(spine.mask, folder / f"case{place}_seg-vert_msk.nii.gz")
    return folder


def test_from_a_data_set_to_a_spine(dataset, tmp_path):
    options = RunOptions(device="cpu", checkpoints=tmp_path / "checkpoints", logs=tmp_path / "logs")
    models = {
        stage: train_spondyl(stage, dataset, dataset, tmp_path / stage, RECIPE, options)
        for stage in ("detection", "identification", "segmentation")
    }
    assert models["detection"].info.provenance["scans"] == ["case0", "case1"]
    assert models["identification"].info.scores["validation"]["level"] > 0
    model = combine(*models.values()).save(tmp_path / "model")
    assert list(model.info.stages) == ["detection", "identification", "segmentation"]
    image, _ = toy_scan("PIR")
    spine = spondyl.predict(image, model.folder)
    assert spine.mask is not None
    assert spine.mask.grid.is_close(image.grid)
    assert spine.provenance["model"]["recipe"] == "spondyl"


def test_a_wrong_validation_folder_is_told_before_the_training(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("spondyl.training.spondyl.train_stage", lambda *_, **__: pytest.fail("trained"))
    options = RunOptions(device="cpu", checkpoints=tmp_path / "checkpoints")
    with pytest.raises(DatasetError, match="nowhere"):
        train_spondyl("detection", dataset, tmp_path / "nowhere", tmp_path / "model", RECIPE, options)


def test_validation_scans_that_are_learnt_from_are_told(dataset, tmp_path, monkeypatch, caplog):
    def stop(*_, **__):
        raise DatasetError("enough")

    monkeypatch.setattr("spondyl.training.spondyl.train_stage", stop)
    other = tmp_path / "other"
    shutil.copytree(dataset, other)
    for path in other.glob("case1*"):
        path.rename(other / path.name.replace("case1", "case2"))
    options = RunOptions(device="cpu", checkpoints=tmp_path / "checkpoints")
    with pytest.raises(DatasetError, match="enough"):
        train_spondyl("detection", dataset, other, tmp_path / "model", RECIPE, options)
    assert "1 of 2 validation scans bear names of training scans (case0)" in caplog.text


def test_training_goes_on_from_a_model_and_learns_masks_from_a_teacher(dataset, tmp_path):
    options = RunOptions(device="cpu", checkpoints=tmp_path / "first", logs=tmp_path / "logs")
    first = train_spondyl("identification", dataset, dataset, tmp_path / "a", RECIPE, options)
    still = RECIPE.model_copy(
        update={"training": RECIPE.training.model_copy(update={"learning_rate": 0.0, "weight_decay": 0.0})}
    )
    on = replace(options, init=first.folder, checkpoints=tmp_path / "second")
    second = train_spondyl("identification", dataset, dataset, tmp_path / "b", still, on)
    before, after = (load_file(model.weights_path("identification")) for model in (first, second))
    weights = [name for name in before if name.endswith("weight")]
    assert weights
    assert all(torch.equal(before[name], after[name]) for name in weights)
    taught = replace(options, teacher=first.folder, checkpoints=tmp_path / "third")
    third = train_spondyl("segmentation", dataset, dataset, tmp_path / "c", RECIPE, taught)
    named = {"folder": "a", "fingerprint": first.fingerprint}
    assert (second.info.provenance["init"], third.info.provenance["teacher"]) == (named, named)
    assert "teacher" not in second.info.provenance
    assert third.info.scores["validation"]["vertebra"] > 0
    with pytest.raises(ModelError):
        train_spondyl(
            "segmentation", dataset, dataset, tmp_path / "d", RECIPE, replace(options, init=tmp_path)
        )


def test_prepared_cases_are_kept_and_made_again_when_a_file_changes(dataset, tmp_path):
    store = tmp_path / "store"
    prepare_dataset(dataset, store)
    before = {path: path.stat().st_mtime_ns for path in store.iterdir()}
    prepare_dataset(dataset, store)
    assert {path: path.stat().st_mtime_ns for path in store.iterdir()} == before
    changed = nib.load(dataset / "case1.nii.gz")
    nib.save(
        nib.Nifti1Image(np.asarray(changed.dataobj) + np.int16(5), changed.affine), dataset / "case1.nii.gz"
    )
    prepare_dataset(dataset, store)
    assert len(list(store.iterdir())) == len(before) + 1


def test_a_case_is_prepared_again_when_one_of_its_masks_changes(tmp_path):
    image, spine = toy_scan(with_mask=True)
    folder = tmp_path / "data" / "s0001"
    write_image(image, folder / "ct.nii.gz")
    for vertebra in spine:
        own = Volume((spine.mask.data == vertebra.label).astype(np.uint8), spine.mask.grid)
        write_image(own, folder / "segmentations" / f"vertebrae_{vertebra.name}.nii.gz")
    (before,) = prepare_dataset(folder.parent, tmp_path / "store")
    nothing = Volume(np.zeros(image.grid.shape, np.uint8), image.grid)
    write_image(nothing, folder / "segmentations" / "vertebrae_L1.nii.gz")
    (after,) = prepare_dataset(folder.parent, tmp_path / "store")
    assert 20 in before.labels
    assert 20 not in after.labels


def test_a_bad_scan_is_left_out_and_all_bad_is_an_error(dataset, tmp_path, caplog):
    (dataset / "case1.nii.gz").write_bytes(b"no image")
    cases = prepare_dataset(dataset, tmp_path / "store")
    assert [case.exact for case in cases] == [True]
    assert "case1" in caplog.text
    (dataset / "case0.nii.gz").write_bytes(b"no image")
    with pytest.raises(DatasetError, match="none of the scans"):
        prepare_dataset(dataset, tmp_path / "other")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_full_disk_ends_the_preparation_instead_of_making_the_data_set_smaller(dataset, tmp_path, workers):
    (tmp_path / "store").write_text("in the way, as good as a full disk")
    with pytest.raises(OutputError, match="store"):
        prepare_dataset(dataset, tmp_path / "store", workers=workers)


def test_a_damaged_prepared_case_is_made_again(dataset, tmp_path, caplog):
    before = prepare_dataset(dataset, tmp_path / "store")
    stored = next((tmp_path / "store").glob("*case1*"))
    stored.write_bytes(stored.read_bytes()[:-100])
    after = prepare_dataset(dataset, tmp_path / "store")
    assert "made again" in caplog.text
    assert [case.name for case in after] == [case.name for case in before]
    assert (after[1].image == before[1].image).all()


def test_a_link_to_a_scan_that_was_not_fetched_is_left_out(dataset, tmp_path, caplog):
    (dataset / "case1.nii.gz").unlink()
    (dataset / "case1.nii.gz").symlink_to(tmp_path / "annex")
    assert [case.name for case in prepare_dataset(dataset, tmp_path / "store")] == ["case0"]
    assert "case1.nii.gz: No such file" in caplog.text


def test_phantoms_are_prepared_with_tissues_and_exact_labels(tmp_path):
    (case,) = prepare_phantoms(1, 11, tmp_path)
    assert case.exact
    assert case.tissues is not None
    assert np.isfinite(case.centroids_mm).any()


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_phantoms_have_their_share(share):
    scan = prepare_case("toy", *toy_scan())
    weights = _Cases([scan] * 2, [scan] * 3).weights(share)
    assert sum(weights[2:]) / sum(weights) == pytest.approx(share)
    assert sum(_Cases([scan], []).weights(share)) > 0


def test_rare_levels_weigh_more(dataset, tmp_path):
    first, second = prepare_dataset(dataset, tmp_path / "store")
    second.centroids_mm[18] = np.nan
    weights = level_weights([first, second])
    assert weights[0] > weights[1]


def test_two_trainings_do_not_share_checkpoints(dataset, tmp_path, monkeypatch):
    options = RunOptions(device="cpu", checkpoints=tmp_path / "checkpoints")
    with sole_training(tmp_path / "checkpoints" / "detection_model"):
        with pytest.raises(
            OutputError, match=r"detection_model: another training \(process \d+ on .+\) writes"
        ):
            train_spondyl("detection", dataset, dataset, tmp_path / "model", RECIPE, options)
        member = Team(1, 1)  # of the training that is at work: only its leader claims the folder
        monkeypatch.setattr("spondyl.training.spondyl.read_model", lambda _: "read")
        written = train_spondyl(
            "detection", dataset, dataset, tmp_path / "model", RECIPE, options, team=member
        )
        assert written == "read"
    train_spondyl("detection", dataset, dataset, tmp_path / "model", RECIPE, options)


def test_a_model_of_another_shape_is_refused_before_scans_are_prepared(dataset, tmp_path):
    options = RunOptions(device="cpu", checkpoints=tmp_path / "checkpoints", init=Path("default"))
    with pytest.raises(
        ModelError, match=r"its detection network has widths \[8, .*leave --init out"
    ) as caught:
        train_spondyl("detection", dataset, dataset, tmp_path / "model", RECIPE, options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "checkpoints").exists()
