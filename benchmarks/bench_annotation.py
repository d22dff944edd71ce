"""Dense annotation and identification samples: vectorised against triple Python loops.

Run ``python benchmarks/bench_annotation.py``. Both versions run in turn in the same process, on the
scan size of the seed's example (140 x 140 x 312 mm, T1-L5), and must give the same result before
their times count. Printed are medians; exit code 1 if one is less than 20 times faster.
"""

import statistics
import sys
import time

import numpy as np

from spondyl.annotation import dense_annotation, tube_axis
from spondyl.augment.elastic import ElasticDeformation
from spondyl.recipes.spinefinder import SpinefinderRecipe
from spondyl.samples.identification import deform_and_crop
from spondyl.spine import Spine
from spondyl.volume import Grid

REPEATS = 7
WANTED = 20.0
RECIPE = SpinefinderRecipe()
SHAPE = (140, 140, 312)


def example_spine():
    """T1 to L5 on a gentle curve, 17 vertebrae over 290 mm."""
    heights = np.linspace(302, 10, 17)
    curve = 70 + 12 * np.sin(heights / 60)
    return Spine.from_centroids(
        {
            label: (70 + 3 * np.cos(z / 40), y, z)
            for label, y, z in zip(range(8, 25), curve, heights, strict=True)
        }
    )


def annotate_with_loops(spine, shape, sizes):
    """Slice by slice, row by row, voxel by voxel; only around the tube, like the original."""
    labels = np.zeros(shape, np.uint8)
    points = spine.centroids_mm
    for place, vertebra in enumerate(spine):
        axis, radius = tube_axis(points, place, sizes[vertebra.label]), sizes[vertebra.label] / 2
        for start, end in ((axis[0], axis[1]), (axis[1], axis[2])):
            (ax, ay, az), (bx, by, bz) = start.tolist(), end.tolist()
            for k in range(max(round(min(az, bz) - 1), 0), min(round(max(az, bz) + 2), shape[2])):
                shares = sorted(((k - 0.5 - az) / (bz - az), (k + 0.5 - az) / (bz - az)))
                first, last = max(shares[0], 0), min(shares[1], 1)
                if first > last:
                    continue
                fx, fy = ax + first * (bx - ax), ay + first * (by - ay)
                wx, wy = (last - first) * (bx - ax), (last - first) * (by - ay)
                length = max(wx * wx + wy * wy, 1e-12)
                for i in range(max(int(fx - radius) - 3, 0), min(int(fx + radius) + 4, shape[0])):
                    for j in range(max(int(fy - radius) - 3, 0), min(int(fy + radius) + 4, shape[1])):
                        t = min(max(((i - fx) * wx + (j - fy) * wy) / length, 0), 1)
                        if (i - fx - t * wx) ** 2 + (j - fy - t * wy) ** 2 <= radius * radius:
                            labels[i, j, k] = vertebra.label
    return labels


def sample_with_loops(slab, targets, rng):
    """Deform and crop a slab: slice by slice, row by row, pixel by pixel."""
    rows, columns = targets.shape
    shape = RECIPE.identification.sample_shape
    elastic = RECIPE.identification.elastic
    index, inside = ElasticDeformation.sample(rng, elastic.points, elastic.sigma_vox).source(targets.shape)
    index, inside = index.tolist(), inside.tolist()
    room = np.maximum(np.array(targets.shape) - shape, 0)
    first_row, first_column = np.round(room * rng.random(2)).astype(int).tolist()
    sample = np.full((len(slab), *shape), RECIPE.working.padding, np.float32)
    labels = np.zeros(shape, np.uint8)
    for channel in range(len(slab)):
        for i in range(min(shape[0], rows)):
            for j in range(min(shape[1], columns)):
                row, column = first_row + i, first_column + j
                a, b = divmod(index[row][column], columns)
                found = inside[row][column]
                sample[channel, i, j] = slab[channel, a, b] if found else elastic.fill
                if channel == 0:
                    labels[i, j] = targets[a, b] if found else 0
    return sample, labels


def compare(name, slow, fast, same):
    """Run both in turn; print medians and ratio."""
    times = {slow: [], fast: []}
    for _ in range(REPEATS):
        results = []
        for function, spent in times.items():
            start = time.perf_counter()
            results.append(function())
            spent.append(time.perf_counter() - start)
        assert same(*results), f"{name}: the two versions differ"
    before, after = (statistics.median(spent) for spent in times.values())
    print(f"{name:24} loops {before * 1e3:9.1f} ms   ours {after * 1e3:7.2f} ms   {before / after:6.0f} x")
    return before / after


def main():
    spine, grid = example_spine(), Grid.from_spacing(SHAPE, (1, 1, 1))
    sizes = RECIPE.sizes_by_label
    ratios = [
        compare(
            "dense annotation",
            lambda: annotate_with_loops(spine, SHAPE, sizes),
            lambda: dense_annotation(spine, grid, sizes).data,
            np.array_equal,
        )
    ]
    labels = dense_annotation(spine, grid, sizes).data
    image = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    slab, targets = image[66:74], labels[70]

    ratios.append(
        compare(
            "identification sample",
            lambda: sample_with_loops(slab, targets, np.random.default_rng(1)),
            lambda: deform_and_crop(slab, targets, RECIPE, np.random.default_rng(1)),
            lambda a, b: all(np.array_equal(x, y) for x, y in zip(a, b, strict=True)),
        )
    )
    return int(min(ratios) < WANTED)


if __name__ == "__main__":
    sys.exit(main())
