"""One phantom, made once; the conditions are put into it by hand."""

import pytest

from spondyl.phantom import PhantomOptions, make_phantom


@pytest.fixture(scope="session")
def upright():
    """T7 to L3 in 1.5 mm voxels, stored as LPS."""
    options = PhantomOptions(
        levels=("T7", "L3"), field_of_view_mm=(110, 140, 300), spacing_mm=(1.5, 1.5, 1.5), table=False
    )
    return make_phantom(4, options)
