"""The default pipeline with networks that know the answer: geometry, decoding, masks, flags."""

import numpy as np
import pytest

from spondyl.anatomy import label_of
from spondyl.decoding.anatomical import DecodedSpine
from spondyl.inference.evidence import find_candidates, identify
from spondyl.inference.fine import look_again
from spondyl.inference.region import locate
from spondyl.inference.segmentation import Piece, _region, segment, whole_piece
from spondyl.inference.spondyl import SpondylPipeline, _scan_flags
from spondyl.inference.ways import Ways
from spondyl.recipes.spondyl import SpondylRecipe
from spondyl.spine import Numbering
from spondyl.volume import Grid, Volume

NAMES = ("T10", "T11", "T12", "L1", "L2", "L3")
STEP_MM = 29.0
HALF_MM = np.array([16.0, 14.0, 10.0])


def _centres() -> np.ndarray:
    return np.array([[-80.0 + 2 * i, 5.0 * i, -600.0 - STEP_MM * i] for i in range(len(NAMES))])


class KnowingEngine:
    """Answers from the brightness of a scan whose every body has its own HU."""

    name, precision, device, batch = "fake", "f32", "cpu", 1

    def __init__(self, spacing_mm: float, levels: bool) -> None:
        self.spacing_mm, self.levels = spacing_mm, levels

    def run(self, x: np.ndarray) -> tuple[np.ndarray, ...]:
        from scipy import ndimage

        hu = 1200 * x[0, 1]
        body, count = ndimage.label(hu > 170)
        fine = np.full((5 if self.levels else 2, *hu.shape), -8.0, np.float32)
        fine[0] = np.clip((hu - 170) / 15, -8, 8)
        fine[2:] = 0
        coarse = np.zeros((28, *(-(-n // 2) for n in hu.shape)), np.float32)
        for number in range(1, count + 1):
            inside = body == number
            centre = np.array(ndimage.center_of_mass(inside))
            where = np.indices(hu.shape).astype(float) - centre[:, None, None, None]
            heat = np.exp(-np.square(where * self.spacing_mm).sum(axis=0) / (2 * 4.5**2))
            fine[1] = np.maximum(fine[1], np.log(np.clip(heat, 1e-4, 0.999) / np.clip(1 - heat, 1e-3, 1)))
            if self.levels:
                fine[2:5][:, inside] = -where[:, inside] * self.spacing_mm / 10
                place = int(np.clip(round((np.median(hu[inside]) - 300) / 12), 0, len(NAMES) - 1))
                near = ndimage.binary_dilation(inside, iterations=2)[::2, ::2, ::2]
                coarse[label_of(NAMES[place]) - 1][near] = 8.0
        return (fine[None], coarse[None]) if self.levels else (fine[None],)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.run(x)[0]


def scan(codes: str = "RAS", spacing: tuple[float, float, float] = (1.5, 1.5, 2.0)) -> tuple[Volume, Volume]:
    """Blocks brighter level by level, and their true mask, in any orientation."""
    shape = tuple(round(n / s) for n, s in zip((120, 120, 250), spacing, strict=True))
    grid = Grid.from_spacing(shape, spacing, "RAS")
    affine = grid.affine.copy()
    affine[:3, 3] = (-140, -50, -790)
    grid = Grid(shape, affine)
    world = grid.to_world(np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1))
    image, mask = np.full(shape, 30, np.int16), np.zeros(shape, np.uint8)
    for place, centre in enumerate(_centres()):
        inside = (np.abs(world - centre) <= HALF_MM).all(axis=-1)
        image[inside], mask[inside] = 300 + 12 * place, label_of(NAMES[place])
    return Volume(image, grid).reoriented(codes), Volume(mask, grid).reoriented(codes)


def pipeline() -> SpondylPipeline:
    recipe = SpondylRecipe()
    return SpondylPipeline(
        KnowingEngine(recipe.detection.spacing_mm, False),
        KnowingEngine(recipe.identification.spacing_mm, True),
        recipe,
    )


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "SAL", "IPL"])
def test_the_same_patient_stored_in_any_way_gives_the_same_spine(codes):
    image, truth = scan(codes)
    spine = pipeline()(image)
    assert spine.names == NAMES
    np.testing.assert_allclose(spine.centroids_mm, _centres(), atol=2.0)
    assert spine.mask.grid.is_close(image.grid)
    for label in spine.labels:
        found, true = spine.mask.data == label, truth.data == label
        assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.85
    assert all(v.probability > 0.8 for v in spine)
    assert spine.numbering_probability > 0.8
    assert spine.flags == ()


def test_vertebrae_at_the_border_are_flagged():
    image, _ = scan()
    top = int(image.grid.to_voxel(_centres()[0])[2])
    cut = image.cropped((0, 0, 0), (*image.grid.shape[:2], top + 2))
    spine = pipeline()(cut)
    assert [flag.code for flag in spine["T10"].flags] == ["partly_visible"]
    assert spine["T12"].flags == ()


def test_doubt_is_said_and_what_else_it_may_be():
    shifted = Numbering((20, 21, 22), 0.34, "one level lower")
    decoded = DecodedSpine((0, 1, 2), (19, 20, 21), (0.6, 0.9, 0.9), 0.6, (shifted,))
    (flag,) = _scan_flags(decoded)
    assert flag.code == "numbering_uncertain"
    assert flag.message.endswith("probability of 60%; the next best is one level lower (34%).")


def test_no_spine_gives_an_empty_result_and_a_flag():
    grid = Grid.from_spacing((60, 60, 60), (2.0, 2.0, 2.0))
    noise = np.random.default_rng(0).normal(0, 30, grid.shape).astype(np.float32)
    spine = pipeline()(Volume(noise, grid))
    assert len(spine) == 0
    assert [flag.code for flag in spine.flags] == ["no_spine"]
    assert not spine.mask.data.any()


def test_a_region_without_a_vertebra_is_no_certain_numbering(monkeypatch):
    monkeypatch.setattr("spondyl.inference.spondyl.find_candidates", lambda _: [])
    spine = pipeline()(scan()[0])
    assert len(spine) == 0
    assert spine.numbering_probability is None
    assert [flag.code for flag in spine.flags] == ["no_spine"]
    assert not spine.mask.data.any()


def test_the_region_holds_the_spine_and_leaves_out_the_rest():
    image, _ = scan()
    recipe = SpondylRecipe()
    wide = image.cropped((-150, -150, 0), (250, 250, 125), fill=-1000)
    region = locate(wide, KnowingEngine(4.5, False).run, recipe)
    assert region.contains(_centres()).all()
    assert np.prod(np.array(region.shape) * region.spacing_mm) < 0.4 * np.prod(
        np.array(wide.grid.shape) * wide.grid.spacing_mm
    )


def test_the_spine_is_followed_where_the_first_stage_missed_it():
    class Blinkered(KnowingEngine):
        """Sees the topmost vertebra alone."""

        def run(self, x):
            (fine,) = super().run(x)
            fine[..., : -(x.shape[-1] // 3)] = -8.0
            return (fine,)

    whole = pipeline()
    recipe = SpondylRecipe()
    blinkered = SpondylPipeline(Blinkered(recipe.detection.spacing_mm, False), whole._identification, recipe)
    assert blinkered(scan()[0]).names == NAMES


def test_candidates_are_exact_and_know_their_level():
    image, _ = scan(spacing=(1.0, 1.0, 1.0))
    recipe = SpondylRecipe()
    evidence = identify(image, image.grid.resampled(3.0), KnowingEngine(3.0, True).run, recipe)
    candidates = sorted(find_candidates(evidence), key=lambda c: -c.centroid_mm[2])
    np.testing.assert_allclose([c.centroid_mm for c in candidates], _centres(), atol=1.0)
    assert [int(c.level_log_probability.argmax()) + 1 for c in candidates] == [label_of(n) for n in NAMES]
    for candidate in candidates:
        assert np.exp(candidate.level_log_probability).sum() == pytest.approx(1)


def test_slabs_do_not_change_the_mask(monkeypatch):
    image = scan("LPS")[0].reoriented("RAS")
    evidence = identify(image, image.grid.resampled(3.0), KnowingEngine(3.0, True).run, SpondylRecipe())
    labels = [label_of(name) for name in NAMES]

    whole = segment(image, [whole_piece(evidence)], _centres(), labels)
    monkeypatch.setattr("spondyl.inference.segmentation._SLAB_VOX", 40_000)
    sliced = segment(image, [whole_piece(evidence)], _centres(), labels)
    np.testing.assert_array_equal(whole.data, sliced.data)
    assert not segment(image, [whole_piece(evidence)], np.zeros((0, 3)), []).data.any()


def test_a_segmentation_network_draws_a_better_mask_in_chunks_as_in_one(monkeypatch):
    image, truth = (volume.reoriented("RAS") for volume in scan("PIR", (1.0, 1.0, 1.0)))
    labels = [label_of(name) for name in NAMES]
    evidence = identify(image, image.grid.resampled(3.0), KnowingEngine(3.0, True).run, SpondylRecipe())
    engine = KnowingEngine(1.5, True)
    monkeypatch.setattr("spondyl.inference.fine._CHUNK_MM", 600.0)
    pieces = list(look_again(image, engine.run, SpondylRecipe(), _centres(), evidence.ways))
    assert len(pieces) == 1
    whole = segment(image, pieces, _centres(), labels)
    for label in labels:
        found, true = whole.data == label, truth.data == label
        assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.93
    monkeypatch.setattr("spondyl.inference.fine._CHUNK_MM", 60.0)
    pieces = list(look_again(image, engine.run, SpondylRecipe(), _centres(), evidence.ways))
    assert len(pieces) > 3
    chunked = segment(image, pieces, _centres(), labels)
    assert (chunked.data != whole.data).sum() < 0.002 * (whole.data > 0).sum()


def test_every_slice_of_a_tilted_scan_lies_in_one_core():
    """Where the border of two cores falls right on a slice, give or take rounding."""

    def cores(scan: Grid, region: Grid) -> list[tuple[int, int]]:
        for start, core in ((0, (0, 120)), (96, (24, 144))):
            grid = region.cropped((0, 0, start), (2, 2, start + 144))
            nowhere = Ways(np.zeros((3, *grid.shape), np.float32), grid)
            low, high = _region(Piece(Volume(np.zeros(grid.shape, np.float32), grid), nowhere, core), scan)
            yield int(low[2]), int(high[2])

    rng = np.random.default_rng(0)
    for angle in rng.uniform(-0.2, 0.2, 100):
        cos, sin = np.cos(angle), np.sin(angle)
        affine = np.eye(4)
        affine[:3, :3] = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) * (0.7, 0.7, 0.6)
        affine[:3, 3] = rng.uniform(-500, 500, 3)
        scan = Grid((60, 60, 701), affine)
        assert list(cores(scan, scan.resampled(1.5))) == [(0, 300), (300, 600)]


def test_holes_are_filled_and_specks_removed():
    grid = Grid.from_spacing((40, 40, 40), (1.0, 1.0, 1.0))
    logits = np.full(grid.shape, -10, np.float32)
    logits[8:32, 8:32, 8:32] = 10
    logits[18:22, 18:22, 18:22] = -10  # marrow: inside
    logits[14:16, 14:16, 8:32] = -10  # canal: open at both ends
    logits[36:38, 36:38, 36:38] = 10  # speck
    centre = np.array([19.5, 19.5, 19.5])
    way = centre - np.stack(np.meshgrid(*[np.arange(40)] * 3, indexing="ij"), axis=-1)
    ways = Ways(np.moveaxis(way, -1, 0).astype(np.float32), grid)
    bright = Volume(np.full(grid.shape, 200, np.int16), grid)
    mask = segment(bright, [Piece(Volume(logits, grid), ways, (0, 40))], centre[None], [20])
    assert (mask.data[18:22, 18:22, 18:22] == 20).all()
    assert not mask.data[14:16, 14:16, 8:32].any()
    assert not mask.data[34:].any()
