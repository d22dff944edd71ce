"""Phantoms on disk, in the layout of the BioMedIA data set plus exact masks."""

import json
from collections.abc import Callable
from pathlib import Path

from spondyl.errors import InputError
from spondyl.io.atomic import write_text
from spondyl.phantom.make import Phantom, make_phantom
from spondyl.phantom.options import ORDINARY, PhantomOptions

__all__ = ["write_phantom", "write_phantoms"]


def write_phantom(phantom: Phantom, folder: Path | str, name: str) -> Path:
    """Write ``NAME.nii.gz``, ``NAME.lml``, ``NAME_seg-vert_msk.nii.gz`` and ``NAME.json``.

    Returns:
        Path of the image.

    Raises:
        OutputError: the files cannot be written.
    """
    from spondyl.io import write_centroids, write_image, write_mask

    folder = Path(folder)
    image = folder / f"{name}.nii.gz"
    if phantom.spine.mask is not None:
        write_mask(phantom.spine.mask, folder / f"{name}_seg-vert_msk.nii.gz")
    write_centroids(phantom.spine, folder / f"{name}.lml", phantom.image.grid)
    write_text(folder / f"{name}.json", json.dumps(phantom.truth, indent=1) + "\n")
    write_image(phantom.image, image)
    return image


def write_phantoms(
    folder: Path | str,
    n: int,
    seed: int = 1,
    options: PhantomOptions = ORDINARY,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write ``phantom_SEED_0001`` to ``phantom_SEED_n``, so that other phantoms have other names.

    Phantom ``i`` is made from seed ``seed * 100000 + i``, so a longer run starts with the same ones.

    Args:
        folder: Made when missing.
        n: How many.
        seed: The same seed gives the same files.
        options: What they shall show.
        progress: Called with (done, all) after each.

    Returns:
        Paths of the images.

    Raises:
        InputError: ``n`` is not positive or ``seed`` is negative.
        OutputError: the files cannot be written.
    """
    if n < 1 or seed < 0:
        raise InputError(f"{n} phantoms from seed {seed}: expected at least one, and a seed of 0 or more")
    images = []
    for i in range(1, n + 1):
        images.append(
            write_phantom(make_phantom(seed * 100_000 + i, options), folder, f"phantom_{seed}_{i:04d}")
        )
        if progress:
            progress(i, n)
    return images
