"""The convolutional trunks of LPIPS: AlexNet and VGG16 up to their last feature layer."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, pad

from gpu_metrics.errors import InputError
from gpu_metrics.kernels.cpu import compiled
from gpu_metrics.weights import Weights

Features = tuple[Float[Tensor, "B _ _ _"], ...]

# scaling of the LPIPS authors: their networks see [-1, 1] shifted and scaled per channel
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


@dataclass(frozen=True, slots=True)
class Stage:
    """Convolutions up to one feature layer, each followed by a ReLU."""

    pool: tuple[int, int] | None
    convolutions: tuple[int, ...]
    stride: int = 1
    padding: int = 1


@dataclass(frozen=True, slots=True)
class Layout:
    """How a trunk is cut into stages, and the smallest side that leaves it a pixel."""

    stages: tuple[Stage, ...]
    min_side: int


LAYOUTS = {
    "alex": Layout(
        stages=(
            Stage(pool=None, convolutions=(0,), stride=4, padding=2),
            Stage(pool=(3, 2), convolutions=(3,), padding=2),
            Stage(pool=(3, 2), convolutions=(6,)),
            Stage(pool=None, convolutions=(8,)),
            Stage(pool=None, convolutions=(10,)),
        ),
        min_side=31,
    ),
    "vgg": Layout(
        stages=(
            Stage(pool=None, convolutions=(0, 2)),
            Stage(pool=(2, 2), convolutions=(5, 7)),
            Stage(pool=(2, 2), convolutions=(10, 12, 14)),
            Stage(pool=(2, 2), convolutions=(17, 19, 21)),
            Stage(pool=(2, 2), convolutions=(24, 26, 28)),
        ),
        min_side=16,
    ),
}


@dataclass(frozen=True)
class Network:
    """An LPIPS network ready to run on one device in one precision."""

    net: str
    layout: Layout
    convolutions: dict[int, tuple[Tensor, Tensor]]
    heads: tuple[Tensor, ...]
    shift: Tensor
    scale: Tensor

    @classmethod
    def build(
        cls,
        weights: Weights,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> "Network":
        """Network of checked weights; float64 gives the reference that float32 is held against."""

        memory = _memory_format(torch.device(device))

        def place(tensor: Tensor) -> Tensor:
            return tensor.to(device=device, dtype=dtype)

        def column(values: tuple[float, ...]) -> Tensor:
            return torch.tensor(values, dtype=dtype, device=device)[None, :, None, None]

        layout = LAYOUTS[weights.net]
        indices = [index for stage in layout.stages for index in stage.convolutions]
        convolutions = {
            index: (
                place(weights.trunk[f"features.{index}.weight"]).contiguous(memory_format=memory),
                place(weights.trunk[f"features.{index}.bias"]),
            )
            for index in indices
        }
        heads = tuple(place(head) for head in weights.heads)
        return cls(weights.net, layout, convolutions, heads, column(_SHIFT), column(_SCALE))

    @property
    def device(self) -> torch.device:
        """Where the network's tensors are."""
        return self.shift.device


def features(
    images: UInt8[Tensor, "B 3 H W"] | Float[Tensor, "B 3 H W"],
    network: Network,
    *,
    micro_batch: int = 1,
) -> Features:
    """Features of each layer as the trunk leaves them, ready for `distance` and for keeping.

    A convolution's last bits depend on how many images it is given and on their memory format, so
    the trunk always runs on exactly `micro_batch` images of one format: channels last on a CPU,
    whose max-pooling is ten times as fast on it, planar elsewhere. A last batch that falls short is
    filled up and the filling dropped. With the default of 1 no image can feel its neighbours.

    Args:
        images: uint8 or float in [0, 1], sides of at least `network.layout.min_side`.
        network: Where and in what precision to compute.
        micro_batch: Images per pass; more helps a GPU with small images.
    """
    if micro_batch < 1:
        raise InputError(f"micro_batch: expected 1 or more images, got {micro_batch}")
    if images.device != network.device:
        raise InputError(
            f"network must be on the device of the images, got {network.device} and {images.device}"
        )
    side = network.layout.min_side
    if min(images.shape[-2:]) < side:
        height, width = images.shape[-2:]
        raise InputError(
            f"LPIPS on {network.net} needs sides of at least {side} px, got {height}x{width}"
        )
    batches = [
        _trunk(_fill(batch, micro_batch), network) for batch in torch.split(images, micro_batch)
    ]
    layers = zip(*batches, strict=True)
    return tuple(
        torch.cat(layer)[: len(images)] if len(batches) > 1 else layer[0][: len(images)]
        for layer in layers
    )


def features_bytes(height: int, width: int, network: Network) -> int:
    """What the features of one image of that size take."""
    total = 0
    for stage in network.layout.stages:
        if stage.pool is not None:
            height, width = (_steps(side, *stage.pool, 0) for side in (height, width))
        for index in stage.convolutions:
            weight = network.convolutions[index][0]
            kernel, stride, padding = weight.shape[-1], stage.stride, stage.padding
            height, width = (_steps(side, kernel, stride, padding) for side in (height, width))
        total += weight.shape[0] * height * width * weight.element_size()
    return total


def _steps(side: int, kernel: int, stride: int, padding: int) -> int:
    return (side + 2 * padding - kernel) // stride + 1


def _fill(batch: Tensor, size: int) -> Tensor:
    return pad(batch, (0, 0, 0, 0, 0, 0, 0, size - len(batch))) if len(batch) < size else batch


def _memory_format(device: torch.device) -> torch.memory_format:
    return torch.channels_last if device.type == "cpu" else torch.contiguous_format


def _trunk(images: Tensor, network: Network) -> Features:
    x = _normalised(images, network)
    layers = []
    for stage in network.layout.stages:
        if stage.pool is not None:
            x = max_pool2d(x, *stage.pool)
        for index in stage.convolutions:
            weight, bias = network.convolutions[index]
            x = conv2d(x, weight, bias, stage.stride, stage.padding).relu_()
        layers.append(x)
    return tuple(layers)


def _normalised(images: Tensor, network: Network) -> Tensor:
    """What the network sees of images; always a copy, in the memory format of the trunk."""
    dtype = network.shift.dtype
    if images.dtype == torch.uint8 and images.device.type == "cpu" and dtype == torch.float32:
        return _normalised_bytes(images, network)
    x = images.to(dtype, copy=True, memory_format=_memory_format(images.device))
    if images.dtype == torch.uint8:
        x.div_(255)
    return x.mul_(2).sub_(1).sub_(network.shift).div_(network.scale)


def _normalised_bytes(images: Tensor, network: Network) -> Tensor:
    """The same bits by the levels of all bytes, five times as fast."""
    every = torch.arange(256, dtype=torch.float32, device="cpu").div_(255).expand(1, 3, 1, 256)
    levels = _normalised(every, network)[0, :, 0].contiguous().numpy()
    batch, channels, height, width = images.shape
    x = torch.empty(batch, height, width, channels, dtype=torch.float32, device="cpu")
    for image, out in zip(images.numpy(), x.numpy(), strict=True):
        compiled("byte_levels")(image, levels, out)
    return x.movedim(-1, 1)
