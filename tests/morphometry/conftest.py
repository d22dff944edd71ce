"""Small phantoms, made once."""

import pytest

from spondyl.morphometry import measure
from spondyl.phantom import PhantomOptions, make_phantom


@pytest.fixture(scope="session")
def lumbar():
    """T11 to L4 in 1.2 mm voxels, an unusual orientation, one fracture."""
    options = PhantomOptions(
        levels=("T11", "L4"),
        field_of_view_mm=(110, 140, 300),
        spacing_mm=(1.2, 1.2, 1.2),
        orientation="PIR",
        fractures=1,
        table=False,
        noise_hu=12.0,
    )
    return make_phantom(5, options)


@pytest.fixture(scope="session")
def measured(lumbar):
    return measure(lumbar.image, lumbar.spine)
