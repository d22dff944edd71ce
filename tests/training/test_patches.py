"""Drawing training patches."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from spine_toys import toy_scan

from spondyl.recipes.spondyl import AugmentationSettings, SpondylRecipe, StageSettings
from spondyl.training.corpus import AIR_HU, UNKNOWN, prepare_case
from spondyl.training.patches import PatchStream, draw_patch, to_channels
from spondyl.training.spondyl import STILL

STAGE = StageSettings(spacing_mm=3.0, patch_vox=(24, 24, 48), widths=(4, 8, 8), offsets=True, levels=True)
RECIPE = SpondylRecipe(identification=STAGE)


@pytest.fixture(scope="module")
def case():
    return prepare_case("toy", *toy_scan(with_mask=True))


def still(**changes: object) -> SpondylRecipe:
    return RECIPE.model_copy(update={"augmentation": STILL.model_copy(update=changes)})


def test_shapes_types_and_ranges(case):
    patch = draw_patch(case, RECIPE, STAGE, np.random.default_rng(0))
    assert patch.image.shape == (2, 24, 24, 48)
    assert patch.image.dtype == torch.float32
    assert patch.labels.shape == patch.heat.shape == (24, 24, 48)
    assert patch.offsets.shape == (3, 24, 24, 48)
    assert float(patch.image.min()) >= 0
    assert float(patch.image.max()) <= 1
    assert set(patch.labels.unique().tolist()) <= {0, 18, 19, 20, 21, UNKNOWN}


def test_the_same_seed_draws_the_same_patch_and_another_one_another(case):
    first, again, other = (draw_patch(case, RECIPE, STAGE, np.random.default_rng(s)) for s in (5, 5, 6))
    assert torch.equal(first.image, again.image)
    assert not torch.equal(first.image, other.image)


@pytest.mark.parametrize("changes", [{}, {"rotation_deg": 20.0}, {"scale": (0.8, 0.8)}, {"mirror": 1.0}])
def test_image_labels_heat_and_offsets_move_together(case, changes):
    rng = np.random.default_rng(1)
    recipe = still(**changes)
    patches = [draw_patch(case, recipe, STAGE, rng) for _ in range(6)]
    peaks = 0
    for patch in patches:
        vertebra = (patch.labels > 0) & (patch.labels != UNKNOWN)
        bright = patch.image[1] > 220 / 1200  # half way between the toy's tissue and its bodies
        overlap = (vertebra & bright).sum() / vertebra.sum().clamp(min=1)
        assert float(overlap) > 0.7 or not vertebra.any()
        # every offset, added to its voxel, must point at a peak of the heat
        where = torch.nonzero(vertebra)
        target = where + patch.offsets[:, vertebra].T.float() / STAGE.spacing_mm
        target = target.round().long()
        inside = ((target >= 0) & (target < torch.tensor(patch.labels.shape))).all(dim=1)
        heat = patch.heat[tuple(target[inside].T)]
        peaks += int(inside.sum())
        assert not len(heat) or float(heat.median()) > 0.75
    assert peaks > 100


def test_voxels_of_a_vertebra_without_a_centroid_point_nowhere(case):
    centroids_mm = case.centroids_mm.copy()
    centroids_mm[20] = np.nan  # in the mask, but cut by the border and not annotated
    cut = replace(case, centroids_mm=centroids_mm)
    patch = draw_patch(cut, still(), STAGE, np.random.default_rng(1))
    assert (patch.labels == 20).any()
    assert patch.offsets[:, patch.labels == 20].isnan().all()
    assert patch.offsets[:, patch.labels == 19].isfinite().all()


def test_outside_the_field_of_view_is_air_and_nothing_is_labelled(case):
    recipe = still(field_of_view=1.0)
    rng = np.random.default_rng(2)
    for _ in range(5):
        patch = draw_patch(case, recipe, STAGE, rng)
        air = (patch.image == to_channels(torch.tensor(AIR_HU).expand(1, 1, 1), RECIPE.hu_windows)).all(dim=0)
        columns = air.all(dim=0).all(dim=0)
        assert not patch.labels[..., columns].any()
        assert not patch.heat[..., columns].any()
        assert (patch.labels > 0).any(), "the cut must leave a vertebra"


def test_every_worker_and_every_seed_has_its_own_stream(case):
    def first(seed: int) -> torch.Tensor:
        return PatchStream([case], [1.0], RECIPE, "identification", seed)[0].image

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_cases_are_drawn_by_weight(case):
    plain = prepare_case("other", *toy_scan())
    stream = PatchStream([case, plain], [0.0, 1.0], still(), "identification", 0)
    assert all(UNKNOWN in patch.labels for patch in islice(stream, 4))


def test_settings_are_bounded():
    with pytest.raises(ValueError, match="extra"):
        AugmentationSettings(rotation=3)


def test_the_flank_of_a_centroid_that_the_cut_leaves_out_is_no_centre(case, monkeypatch):
    whole = draw_patch(case, still(), STAGE, np.random.default_rng(6))
    along = whole.heat.amax(dim=(0, 1))
    peaks = [z for z in range(4, 44) if along[z] > 0.8 and along[z] == along[z - 3 : z + 4].max()]
    assert len(peaks) >= 2
    top = peaks[-1]
    seen = (slice(0, 24), slice(0, 24), slice(0, top - 1))  # the centre two voxels beyond the border
    monkeypatch.setattr("spondyl.training.patches.sample_field_of_view", lambda *_: seen)
    cut = draw_patch(case, still(), STAGE, np.random.default_rng(6))
    assert float(along[top - 3 : top - 1].max()) > 0.1  # the flank was there
    assert float(cut.heat[..., top - 2 :].max()) < 0.05  # what is left lies far aside
    assert float(cut.heat[..., peaks[0]].max()) == pytest.approx(float(along[peaks[0]]))
