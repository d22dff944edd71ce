"""Recipes: the constants of the reference, YAML both ways, and clear words for mistakes."""

import numpy as np
import pytest

from spondyl.anatomy import LABEL_OF
from spondyl.errors import InputError
from spondyl.recipes import WorkingSpec, load_recipe, recipe_from, save_recipe
from spondyl.recipes.spinefinder import SpinefinderRecipe
from spondyl.recipes.working import normalise, to_working
from spondyl.volume import Grid, Volume


def test_targets_are_those_of_the_reference():
    recipe = SpinefinderRecipe()
    targets = {name: int(recipe.target_of[LABEL_OF[name]]) for name in LABEL_OF}
    assert (targets["C1"], targets["C7"], targets["T1"], targets["L5"]) == (1, 7, 8, 24)
    assert (targets["S1"], targets["S2"]) == (25, 26)
    assert (targets["L6"], targets["T13"]) == (24, 19)
    assert recipe.target_of[0] == 0
    assert len(recipe.labels) == 27


def test_targets_lead_back_to_labels():
    recipe = SpinefinderRecipe()
    back = recipe.label_of_target
    assert back[0] == 0
    assert np.array_equal(recipe.target_of[back], np.arange(27))


def test_yaml_round_trip(tmp_path):
    recipe = SpinefinderRecipe(seed=7)
    save_recipe(recipe, tmp_path / "r.yaml")
    assert load_recipe(tmp_path / "r.yaml") == recipe


def test_yaml_needs_only_what_differs(tmp_path):
    (tmp_path / "r.yaml").write_text(
        "name: spinefinder\nsizes_mm: {C1: 12}\ndetection: {network: {width: 4}}\n"
        "identification: {training: {epochs: 2}}\n"
    )
    recipe = load_recipe(tmp_path / "r.yaml")
    assert recipe.detection.network.width == 4
    assert recipe.sizes_mm["C1"] == 12
    assert recipe.sizes_mm["L5"] == 34
    assert recipe.identification.training.epochs == 2
    assert recipe.identification.training.batch_size == 32
    assert recipe.identification.network == SpinefinderRecipe().identification.network


def test_a_name_alone_is_a_recipe():
    assert load_recipe("spinefinder") == SpinefinderRecipe()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1", "a recipe is a YAML mapping"),
        ("name: [", "is not YAML"),
        ("name: other", "unknown; name one of: spinefinder, spondyl"),
        ("name: spinefinder\nsizes: 3", r"sizes: unknown; did you mean sizes_mm\?"),
        ("name: spondyl\ntraining: {learning_rte: 1}", "learning_rte: unknown; did you mean learning_rate"),
        ("name: spondyl\ntraining: {zzz: 1}", "training.zzz: unknown; there are iterations, batch_size"),
        ("name: spondyl\ntraining: {phantoms: 0}\ntraining: {seed: 2}", "training is given twice"),
        ("name: spondyl\nmine: {a: 1}\ntraining: &x {seed: 2, seed: 3}", "seed is given twice"),
        ("name: spondyl\ndetection: {patch_vox: [50, 48, 80]}", "patch_vox must be multiples of 8"),
        ("name: spondyl\ndetection: {patch_vox: [-48, 48, 80]}", "detection.patch_vox.0: .*greater than 0"),
        ("name: spondyl\ndetection: {widths: [4, 8]}", "detection.widths: .*at least 3"),
        ("name: spondyl\ndetection: {widths: [4, 0, 8]}", "detection.widths.1: .*greater than 0"),
        ("name: spondyl\ntraining: {learning_rate: -1}", "training.learning_rate: "),
        ("name: spondyl\ntraining: {learning_rate: .nan}", "training.learning_rate: .*finite"),
        ("name: spondyl\ntraining: {ema: 1.5}", "training.ema: "),
        ("name: spondyl\naugmentation: {scale: [0, 0]}", "augmentation.scale: .*above 0"),
        ("name: spondyl\naugmentation: {hu_gain: -1}", "augmentation.hu_gain: "),
        ("name: spondyl\naugmentation: {mirror: 7}", "augmentation.mirror: "),
        ("name: spondyl\nhu_windows: []", "hu_windows: "),
        ("name: spondyl\nhu_windows: [[100, 100]]", "hu_windows: .*lower HU comes first"),
        ("name: spinefinder\ndetection: {sample_shape: [30, 32, 32]}", "sample_shape.0: .*multiple of 16"),
        ("name: spinefinder\nidentification: {sample_shape: [32, 40]}", "sample_shape.1: .*multiple of 16"),
        ("name: spinefinder\nworking: {spacing_mm: -1}", r"working.spacing_mm: .* \(found -1\)"),
        ("name: spinefinder\nsizes_mm: {X9: 1}", "missing: \\['X9'\\]"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        load_recipe(tmp_path / "r.yaml")


def test_a_missing_file():
    with pytest.raises(
        InputError, match="neither a YAML file nor a recipe; recipes are spinefinder, spondyl"
    ):
        load_recipe("nowhere.yaml")


def test_json_values_are_enough():
    recipe = SpinefinderRecipe()
    assert recipe_from(recipe.model_dump(mode="json")) == recipe


@pytest.mark.parametrize("codes", ["RAS", "LPS", "SPL", "AIR"])
def test_the_working_volume_does_not_depend_on_the_order_on_disk(codes):
    rng = np.random.default_rng(0)
    volume = Volume(rng.normal(0, 300, (12, 14, 16)), Grid.from_spacing((12, 14, 16), (1, 1, 2)))
    expected = to_working(volume, WorkingSpec())
    found = to_working(volume.reoriented(codes), WorkingSpec())
    assert expected.data.shape == (12, 14, 32)
    assert found.grid.is_close(expected.grid)
    np.testing.assert_allclose(found.data, expected.data, atol=1e-5)
    assert abs(found.data.mean()) < 1e-5
    assert abs(found.data.std() - 1) < 1e-5


def test_fixed_intensities_and_a_blank_scan():
    spec = WorkingSpec(normalise="fixed", mean_hu=100, std_hu=200)
    assert normalise(np.full((1, 1, 1), 500, np.float32), spec).item() == 2
    assert not normalise(np.full((2, 2, 2), 7, np.float32), WorkingSpec()).any()
