"""Where heights were measured, as a picture."""

import io

import numpy as np
import pytest
from PIL import Image

from spondyl.morphometry.result import Measurement, Morphometry, VertebraMeasures
from spondyl.report.landmarks import landmarks_png
from spondyl.volume import Grid, Volume

SCAN = Volume(np.full((40, 40, 40), 60, np.int16), Grid.from_spacing((40, 40, 40), (2, 2, 2), "LPS"))
MIDDLE = SCAN.grid.to_world((19.5, 19.5, 19.5))


def measured(label=20):
    points = {
        f"{side}_{place}": tuple(np.add(MIDDLE, (0, ahead, above)))
        for side, above in (("upper", 12.0), ("lower", -12.0))
        for place, ahead in (("anterior", 14.0), ("middle", 0.0), ("posterior", -14.0))
    }
    heights = {f"height_{place}": Measurement(24.0, "mm") for place in ("anterior", "middle", "posterior")}
    return VertebraMeasures(label, heights, None, points)


@pytest.mark.parametrize("count", [1, 7])
def test_a_tile_per_vertebra_with_its_points_in_its_colour(count):
    found = Morphometry(tuple(measured(8 + place) for place in range(count)))
    picture = np.asarray(Image.open(io.BytesIO(landmarks_png(SCAN, found))).convert("RGB")).astype(int)
    assert picture.shape[:2] == (152 * -(-count // 6), 176 * min(count, 6))
    coloured = np.abs(np.diff(picture, axis=2)).max(axis=2) > 40
    rows = np.flatnonzero(coloured[:152, :176].sum(axis=1) > 60)  # both endplates, drawn level
    assert len(rows) >= 2
    assert rows[-1] - rows[0] == pytest.approx(24 / 50 * 152, abs=6)


def test_heights_can_be_read_on_bright_bone():
    white = Volume(np.full((40, 40, 40), 2000, np.int16), SCAN.grid)
    picture = np.asarray(
        Image.open(io.BytesIO(landmarks_png(white, Morphometry((measured(),))))).convert("L")
    )
    middle = picture[70:82, 70:106]  # the height in the middle
    assert (middle < 120).sum() > 20  # letters have a dark rim


def test_nothing_measured_is_no_picture():
    assert landmarks_png(SCAN, Morphometry()) is None
    assert landmarks_png(SCAN, Morphometry((VertebraMeasures(20, {}),))) is None
