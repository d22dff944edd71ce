"""How long one phantom takes.

Usage: ``OMP_NUM_THREADS=1 python benchmarks/bench_phantom.py [repeats]``
"""

import sys
import time

import numpy as np

from spondyl.phantom import PhantomOptions, make_phantom

CASES = {
    "160 x 180 x 320 mm at 1 mm": PhantomOptions(),
    "the same at 2 mm": PhantomOptions(spacing_mm=(2, 2, 2)),
    "the same, hard": PhantomOptions(hard=True),
    "whole trunk 400 x 330 x 600 mm at 1.5 x 1.5 x 2 mm": PhantomOptions(
        centre="T10", field_of_view_mm=(400, 330, 600), spacing_mm=(1.5, 1.5, 2)
    ),
}


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    make_phantom(0, PhantomOptions(levels=("L1", "L1"), spacing_mm=(4, 4, 4)))  # imports
    for name, options in CASES.items():
        seconds = []
        for seed in range(repeats):
            start = time.perf_counter()
            phantom = make_phantom(seed, options)
            seconds.append(time.perf_counter() - start)
        size = phantom.image.data.size / 1e6
        print(f"{name:52s} {np.median(seconds):6.2f} s (median of {repeats}; last one {size:.1f} M voxels)")


if __name__ == "__main__":
    main()
