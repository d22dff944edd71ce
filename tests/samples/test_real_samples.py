"""Samples of real scans: the drawn vertebrae are where the bone is."""

import numpy as np
import pytest

from spondyl.datasets import find_cases
from spondyl.recipes.spinefinder import SpinefinderRecipe
from spondyl.samples.making import prepare

pytestmark = pytest.mark.data


@pytest.mark.parametrize(
    "name", ["openkbp_pt_34", "matrad_real_ct", "acrin_flt_breast_013", "lspine_sagittal"]
)
def test_tubes_lie_in_bone(shared_data, name):
    (case,) = [c for c in find_cases(shared_data / "spine-ct" / "training_dataset") if c.name == name]
    working, labels = prepare(*case.load(), SpinefinderRecipe())
    tubes = labels.data > 0
    inside = working.data[tubes].mean()
    for shift in ((25, 0, 0), (-25, 0, 0), (0, 40, 0)):  # left, right, in front: never bone alone
        beside = np.roll(tubes, shift, (0, 1, 2)) & ~tubes
        assert inside > working.data[beside].mean() + 0.15
