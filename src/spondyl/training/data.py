"""Sample files as batches."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from spondyl.datasets import Case
from spondyl.datasets.splits import split
from spondyl.samples.files import SamplePair, read_array
from spondyl.training.loaders import start_method

__all__ = ["PairDataset", "epoch_batches", "plain_batches", "split_by_scan"]


class PairDataset(Dataset[tuple[Tensor, Tensor]]):
    """Samples on disk, read when asked for.

    Args:
        pairs: The files.
        add_channel: Give each sample a channel axis (one-channel images).
    """

    def __init__(self, pairs: Sequence[SamplePair], *, add_channel: bool) -> None:
        self.pairs, self.add_channel = pairs, add_channel

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Sample ``(channels, *spatial)`` float32 and labelling ``(*spatial)`` uint8.

        Raises:
            SampleError: a file was damaged since the start.
        """
        pair = self.pairs[index]
        sample = torch.from_numpy(np.array(read_array(pair.sample), np.float32))
        labelling = torch.from_numpy(np.array(read_array(pair.labelling)))
        return (sample.unsqueeze(0) if self.add_channel else sample), labelling


def epoch_batches(
    dataset: PairDataset, batch_size: int, *, seed: int, workers: int = 0
) -> Callable[[int], Iterable[tuple[Tensor, Tensor]]]:
    """Shuffled batches of an epoch, by its number; the order depends on seed and number only.

    Left-over samples that do not fill a batch wait for another epoch, as in the reference; a
    set smaller than one batch is one batch.
    """
    return partial(_shuffled, dataset, min(batch_size, len(dataset)), seed, workers)


def _shuffled(
    dataset: PairDataset, batch_size: int, seed: int, workers: int, epoch: int
) -> Iterable[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return DataLoader(
        dataset,
        batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        multiprocessing_context=start_method(workers),
        generator=generator,
        pin_memory=torch.cuda.is_available(),
    )


def plain_batches(
    dataset: PairDataset, batch_size: int, *, workers: int = 0
) -> Iterable[tuple[Tensor, Tensor]]:
    """All samples in their order."""
    return DataLoader(
        dataset,
        batch_size,
        num_workers=workers,
        multiprocessing_context=start_method(workers),
        pin_memory=torch.cuda.is_available(),
    )


def split_by_scan(
    pairs: Sequence[SamplePair], share: float, seed: int
) -> tuple[list[SamplePair], list[SamplePair]]:
    """Divide samples into training and validation; a patient is never in both, as far as names of scans tell.

    Args:
        pairs: All samples.
        share: Of the scans, for validation, above 0 and below 1.
        seed: Another seed, another split.

    Raises:
        DatasetError: fewer than two patients.
    """
    cases = [Case(scan, Path(scan)) for scan in sorted({pair.scan for pair in pairs})]
    _, held_out = split(cases, (1 - share, share), seed)
    names = {case.name for case in held_out}
    return [p for p in pairs if p.scan not in names], [p for p in pairs if p.scan in names]
