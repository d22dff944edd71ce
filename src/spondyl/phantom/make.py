"""Make one phantom: plan the spine, paint everything, scan it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import NAMES
from spondyl.phantom.atypical import paint_atlas, paint_axis, paint_sacrum
from spondyl.phantom.body import paint_body
from spondyl.phantom.canvas import Canvas
from spondyl.phantom.coarse import Coarse
from spondyl.phantom.figure import BodyStyle
from spondyl.phantom.hardware import add_streaks, paint_metal, paint_table
from spondyl.phantom.options import ORDINARY, PhantomOptions, ladder
from spondyl.phantom.plan import SpinePlan, plan_spine
from spondyl.phantom.render import render_bones
from spondyl.phantom.scanner import add_noise, add_shoulder_streaks, average_slices, blur
from spondyl.phantom.shapes import noise_field
from spondyl.phantom.skeleton import paint_pelvis, paint_ribs, paint_shoulders, paint_skull
from spondyl.phantom.spine_soft import paint_canal, paint_discs
from spondyl.phantom.vertebra import BoneStyle, paint_vertebra
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume

__all__ = ["Phantom", "make_phantom"]

_FINE_SLICE_MM = 1.6  # thicker slices are averaged from slices no thicker than this


@dataclass(frozen=True, eq=False)
class Phantom:
    """A synthetic CT with everything known about it.

    Attributes:
        image: int16 HU.
        spine: Centroids of the vertebrae whose centre lies in the image, and the mask (VerSe numbers; S1 is
            26, the sacrum below it 27; parts of vertebrae whose centre lies outside are in the mask too).
        tissues: :class:`spondyl.phantom.canvas.Tissue` per voxel, uint8.
        truth: Exact facts as JSON values: options, age, fractures, and per vertebra heights and angles.
    """

    image: Volume
    spine: Spine
    tissues: Volume
    truth: dict[str, Any]


def _window(
    options: PhantomOptions, plan: SpinePlan, centre: str, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Low and high corner of the field of view in the frame of the plan."""
    size = np.array(options.field_of_view_mm, float)
    if options.levels:
        first, last = plan.find(options.levels[0]), plan.find(options.levels[1])
        ring = 12 if first.label == 1 else 0  # a tilted atlas rises behind its centre
        high = first.centre_mm[2] + 0.5 * first.above_mm + 2 + ring
        low = last.centre_mm[2] - 0.5 * last.below_mm - 2
        size[2] = high - low
        middle_z = (high + low) / 2
    else:
        shift = float(rng.uniform(-12, 12))
        middle_z = plan.find(centre).centre_mm[2] + shift
    here = plan.centres_mm[np.abs(plan.centres_mm[:, 2] - middle_z) <= size[2] / 2 + 15]
    here = here if len(here) else plan.centres_mm
    x = (here[:, 0].min() + here[:, 0].max()) / 2 + rng.uniform(-0.06, 0.06) * size[0]
    behind = min(88.0, 0.52 * size[1]) + rng.uniform(-4, 8)
    low_y = here[:, 1].min() - behind
    if size[1] > 260:  # the whole body: centre it
        low_y = here[:, 1].mean() + 25 - size[1] / 2
    low = np.array([x - size[0] / 2, low_y, middle_z - size[2] / 2])
    return low, low + size


def _canvas(
    options: PhantomOptions,
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[Canvas, int]:
    """A fine canvas over the window and the number of its slices per final slice."""
    spacing = np.array(options.spacing_mm)
    every = int(np.ceil(spacing[2] / _FINE_SLICE_MM))
    shape = np.maximum(np.round((high - low) / spacing), 1).astype(int)
    shape[2] *= every
    spacing[2] /= every
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = low + spacing / 2
    grid = Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)
    half = [max(n // 2, 2) for n in grid.shape]
    rough = noise_field(rng, half, 1.3 / float(spacing[0]))
    rough = np.repeat(np.repeat(np.repeat(rough, 2, 0), 2, 1), 2, 2)
    pad = [(0, max(n - m, 0)) for n, m in zip(grid.shape, rough.shape, strict=True)]
    rough = np.pad(rough, pad, mode="edge")[: grid.shape[0], : grid.shape[1], : grid.shape[2]]
    return Canvas(grid, np.ascontiguousarray(rough)), every


def _bone_style(plan: SpinePlan, rng: np.random.Generator) -> BoneStyle:
    """Bone density by age, with wide scatter."""
    spongy = float(np.clip(300 - 2.1 * plan.age_years + rng.normal(0, 30), 60, 320))
    spurs = float(np.clip((plan.age_years - 45) / 35, 0, 1.3)) * 2.2
    shell = float(np.clip(1.12 - 0.003 * (plan.age_years - 40) + rng.normal(0, 0.08), 0.7, 1.3))
    return BoneStyle(spongy, float(rng.normal(1180, 70)), shell, spurs)


def _paint_skeleton(
    canvas: Canvas, coarse: Coarse, plan: SpinePlan, style: BoneStyle, rng: np.random.Generator
) -> None:
    """All bones."""
    levels = plan.levels
    paint_atlas(canvas, levels[0], style, rng)
    paint_axis(canvas, levels[1], levels[0], style)
    for level in levels[2:-2]:
        paint_vertebra(canvas, level, style, rng)
    paint_sacrum(canvas, plan, style)
    paint_ribs(canvas, coarse, plan, style, rng)
    paint_shoulders(canvas, coarse, plan, style)
    paint_skull(canvas, coarse, plan, style, rng)
    paint_pelvis(coarse, plan, style)


def _truth(options: PhantomOptions, plan: SpinePlan, visible: set[int]) -> dict[str, Any]:
    """Facts for checking measurements."""
    rows = {}
    for level in plan.levels:
        front, middle, back = level.heights_mm
        depth = 0.75 * level.sizes.depth
        rows[level.name] = {
            "label": level.label,
            "annotated": level.label in visible,
            "centre_mm": [round(float(c), 3) for c in level.centre_mm],
            "right_front_up": np.round(level.axes.T, 5).tolist(),
            "heights_mm": {"front": front, "middle": middle, "back": back},
            "heights_at_mm": {"front": depth / 2, "middle": 0.0, "back": -depth / 2},
            "wedge_deg": float(np.degrees(2 * np.arctan2((back - front) / 2, depth))),
            "width_mm": level.sizes.width,
            "depth_mm": level.sizes.depth,
            "fracture": None if level.fracture is None else vars(level.fracture),
        }
    return {"vertebrae": rows, "age_years": plan.age_years, "anomaly": options.anomaly}


def make_phantom(seed: int, options: PhantomOptions = ORDINARY) -> Phantom:
    """Make a synthetic spine CT; the same seed and options give the same voxels.

    Args:
        seed: Any non-negative number.
        options: What it shall show.
    """
    rng = np.random.default_rng([seed, 20])
    options = options.drawn(rng)
    able = [NAMES[label] for label in ladder(options.anomaly)]
    centre = options.centre or able[int(rng.integers(1, len(able)))]
    near = centre
    if options.levels:
        near = able[sum(able.index(name.upper()) for name in options.levels) // 2]
    plan = plan_spine(options, rng, near)
    low, high = _window(options, plan, centre, rng)
    place = np.array([rng.uniform(-60, 60), rng.uniform(-120, 40), rng.uniform(-900, 200)]).round(1)
    plan = plan.moved(place - low)
    canvas, every = _canvas(options, place, place + high - low, rng)
    bone = _bone_style(plan, rng)
    blood, kidney = 42.0, 34.0
    if options.contrast:
        blood, kidney = float(rng.uniform(130, 320)), float(rng.uniform(120, 220))
    body = BodyStyle(plan.scale, float(np.clip(rng.normal(1.0, 0.22), 0.6, 1.6)), blood, kidney)
    coarse = Coarse(canvas, plan)
    skin = paint_body(coarse, body, rng)
    if options.table:
        paint_table(canvas, skin, coarse, rng)
    paint_discs(canvas, plan, rng)
    paint_canal(canvas, plan)
    _paint_skeleton(canvas, coarse, plan, bone, rng)
    grain = noise_field(rng, canvas.grid.shape, 0.65)
    render_bones(canvas, bone, grain)
    if options.metal:
        names = [level.name for level in plan.levels]
        metal = paint_metal(canvas, plan, names.index(near), rng)
        add_streaks(canvas.hu, metal, canvas.grid.spacing_mm, rng)
    return _scan(canvas, every, options, plan, coarse, grain, rng)


def _scan(
    canvas: Canvas,
    every: int,
    options: PhantomOptions,
    plan: SpinePlan,
    coarse: Coarse,
    grain: npt.NDArray[np.float32],
    rng: np.random.Generator,
) -> Phantom:
    """Blur, noise, slices and orientation."""
    grid = canvas.grid
    hu = blur(canvas.hu, grid, float(rng.uniform(0.5, 0.75)))
    place = coarse.at_height(canvas.z)[0]
    load = 1 + 0.7 * np.exp(-(((place - 8.5) / 2) ** 2)) + 0.3 * np.exp(-(((place - 26) / 3) ** 2))
    add_noise(hu, np.roll(grain, 7, 0), options.noise_hu * np.sqrt(every) ** 0.7, load.astype(np.float32))
    add_shoulder_streaks(hu, np.roll(grain, 3, 1), 2.2 * options.noise_hu, place)
    thickness = options.slice_thickness_mm or options.spacing_mm[2]
    slices = max(round(thickness / grid.spacing_mm[2]), 1)
    scan = average_slices(Volume(hu, grid), every, slices)
    image = np.clip(np.rint(scan.data), -1024, 3071).astype(np.int16)
    mask = np.where(canvas.distance < 0, canvas.label, np.uint8(0))
    masks = average_slices(Volume(mask, grid), every, 1)
    tissues = average_slices(Volume(canvas.tissue, grid), every, 1)
    inside = {v.label: v.centre_mm for v in plan.levels if scan.grid.contains(v.centre_mm)}
    mask_volume = _stored(masks, options.orientation)
    spine = Spine.from_centroids(inside, mask_volume)
    truth = _truth(options, plan, set(inside))
    return Phantom(
        _stored(Volume(image, scan.grid), options.orientation),
        spine,
        _stored(tissues, options.orientation),
        truth,
    )


def _stored(volume: Volume, codes: str) -> Volume:
    """Contiguous voxels in the wanted order."""
    turned = volume.reoriented(codes)
    return Volume(np.ascontiguousarray(turned.data), turned.grid)
