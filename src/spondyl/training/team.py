"""Several processes training one network, one per device, as ``torchrun`` starts them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import torch
from torch import distributed, nn

from spondyl.training.options import device_of

__all__ = ["ALONE", "Team", "joined"]

_PATIENCE: Final = timedelta(hours=12)
"""How long the others wait for the first, who prepares the scans."""


@dataclass(frozen=True)
class Team:
    """The processes of a training, as seen by one of them.

    Attributes:
        rank: Number of this process; 0 is the one that writes.
        size: How many there are.
        device: What this one computes on.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        """Whether this process writes files and talks to the user."""
        return self.rank == 0

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """A block that the others run after the leader, and find its files."""
        if self.size > 1 and not self.leads:
            distributed.barrier()
        yield
        if self.size > 1 and self.leads:
            distributed.barrier()

    def wrapped(self, network: nn.Module) -> nn.Module:
        """The network whose gradients are averaged over all processes.

        Batch normalisation takes its statistics over the patches of all processes on GPUs; torch has
        none such for CPUs, where every process uses its own patches, and the running statistics are
        the leader's.
        """
        if self.size == 1:
            return network
        if self.device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return nn.parallel.DistributedDataParallel(network)

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Every value averaged over all processes."""
        if self.size == 1:
            return dict(values)
        total = torch.tensor(list(values.values()), dtype=torch.float32, device=self.device)
        distributed.all_reduce(total)
        return dict(zip(values, (total / self.size).tolist(), strict=True))


ALONE: Final = Team()
"""One process on the CPU."""


@contextmanager
def joined(device: str) -> Iterator[Team]:
    """This process's place among those that ``torchrun`` started; alone, if it did not.

    Args:
        device: As for :func:`~spondyl.training.options.device_of`; of several processes on one machine
            each takes the GPU of its number.

    Raises:
        InputError: the device cannot be used.
    """
    if not distributed.is_torchelastic_launched():
        yield Team(device=device_of(device))
        return
    here = device_of(device)
    if here.type == "cuda":
        here = device_of(f"cuda:{distributed.get_node_local_rank()}")
        torch.cuda.set_device(here)
    distributed.init_process_group("nccl" if here.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield Team(distributed.get_rank(), distributed.get_world_size(), here)
    finally:
        distributed.destroy_process_group()
