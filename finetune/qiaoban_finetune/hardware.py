"""GPUs by name, and how many of them a run has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from qiaoban_finetune.errors import ConfigError
from qiaoban_guards.documents import nearest


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, after its maker's data sheet.

    `memory` is GiB as torch reports them; `half` and `single` are TFLOP/s of dense products in
    bf16 or fp16 (summed in fp32) and in fp32; `link` is GB/s to its neighbours, one way: NVLink
    where it has some, else PCIe.
    """

    memory: float
    half: float
    single: float
    link: float


GPUS: Mapping[str, Gpu] = MappingProxyType(
    {
        "a10-24g": Gpu(22.0, 125, 31.2, 32),
        "a100-40g": Gpu(39.4, 312, 19.5, 300),
        "a100-80g": Gpu(79.2, 312, 19.5, 300),
        "a800-80g": Gpu(79.2, 312, 19.5, 200),
        "h20-96g": Gpu(95.1, 148, 44, 450),
        "h100-80g": Gpu(79.1, 989, 67, 450),
        "h800-80g": Gpu(79.1, 989, 67, 200),
        "h200-141g": Gpu(139.8, 989, 67, 450),
        "l20-48g": Gpu(44.4, 119.5, 59.8, 32),
        "l40s-48g": Gpu(44.4, 362, 91.6, 32),
        "rtx-3090-24g": Gpu(23.6, 71, 35.6, 32),
        "rtx-4090-24g": Gpu(23.6, 165, 82.6, 32),
        "v100-32g": Gpu(31.7, 125, 15.7, 150),
    }
)


@dataclass(frozen=True, slots=True)
class Hardware:
    """The machines of a run.

    `network` is Gbit/s that a machine has to the others; `utilisation` is the share of a GPU's
    peak that training reaches (model FLOPs utilisation): 0.3 to 0.5 is usual for a 7B model with
    transformers on A100, less with short sequences or slow links.
    """

    name: str
    gpus: int = 1
    nodes: int = 1
    network: float = 200.0
    utilisation: float = 0.4

    def __post_init__(self) -> None:
        if self.name not in GPUS:
            raise ConfigError(
                f"no GPU is called {self.name!r}{nearest(self.name, GPUS)}; there are "
                f"{', '.join(GPUS)}"
            )

    @property
    def gpu(self) -> Gpu:
        """What one of them is."""
        return GPUS[self.name]

    @property
    def ranks(self) -> int:
        """GPUs of all machines together."""
        return self.gpus * self.nodes

    @property
    def slowest_link(self) -> float:
        """GB/s that a collective over all GPUs goes through: a ring leaves each machine once."""
        return min(self.gpu.link, self.network / 8) if self.nodes > 1 else self.gpu.link
