"""LPIPS of whole images, of a region's bounding box, or averaged inside a region."""

from collections.abc import Sequence

import torch
from jaxtyping import Float64, Num
from torch import Tensor
from torch.nn.functional import interpolate

from gpu_metrics.errors import InputError
from gpu_metrics.kernels.lpips_pool import lpips_pool
from gpu_metrics.metrics.trunk import Features, Network, features
from gpu_metrics.tensors import Images, Mask, Scores, check_pair

Box = tuple[int, int, int, int]
"""Top, left, bottom and right of a crop, the last two exclusive."""


def lpips(
    x: Images,
    y: Images,
    mask: Mask | None = None,
    *,
    network: Network,
    mode: str = "image",
    pad: int = 8,
    micro_batch: int = 1,
) -> Scores:
    """Learned perceptual distance between `x` and `y`, v0.1; 0 is identical, lower is better.

    Args:
        x, y: sRGB images, uint8 or float in [0, 1], `(B, 3, H, W)`, any size of at least 31 px
            (AlexNet) or 16 px (VGG16) per side.
        mask: Pixels of each region, `(B, R, H, W)`. None means the whole image. Its boxes are
            read back from the device once; callers who know them use the pieces below.
        network: `Network.build(find_weights("alex"))`, on the images' device.
        mode: What a region means. "box": the network sees the region's bounding box grown by
            `pad`, all of whose pixels count. "map": it sees the whole image, and the distance map
            of each layer, upsampled bilinearly, is averaged inside the region. "image": no
            regions; `mask` must be None.
        pad: Pixels by which a box grows on each side, as far as the image reaches.
        micro_batch: See `features`; has no part in mode "box", whose crops differ in size.

    Returns:
        float64 in [0, about 1]: `(B,)` without a mask, `(B, R)` with one. NaN for an empty region
        and for a box smaller than the network takes; a non-finite pixel gives NaN.

    Reference:
        Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric",
        CVPR 2018; equals the `lpips` package to 1e-6. Mode "map" equals masking and averaging the
        map of its `spatial=True`, without ever upsampling one.
    """
    check_pair(x, y, mask, channels=(3,))
    if mode not in ("box", "map", "image"):
        raise InputError(f"mode: expected 'box', 'map' or 'image', got {mode!r}")
    if pad < 0:
        raise InputError(f"pad: expected 0 or more pixels, got {pad}")
    if mode == "image" and mask is not None:
        raise InputError("mode 'image' scores whole images; choose 'box' or 'map' for a mask")
    if mode == "box" and mask is not None:
        return box_distance(x, y, region_boxes(mask, pad), network)
    fx, fy = (features(image, network, micro_batch=micro_batch) for image in (x, y))
    if mask is None:
        return distance(fx, fy, network)
    return masked_distance(fx, fy, network, layer_weights(mask, fy))


def distance(x: Features, y: Features, network: Network) -> Float64[Tensor, "B"]:
    """LPIPS of two sets of features, averaged over each layer's positions."""
    return masked_distance(x, y, network, [_evenly(layer) for layer in y])[:, 0]


def masked_distance(
    x: Features, y: Features, network: Network, weights: Sequence[Float64[Tensor, "B R _ _"]]
) -> Float64[Tensor, "B R"]:
    """LPIPS of two sets of features, averaged with the `layer_weights` of each region."""
    layers = zip(x, y, network.heads, weights, strict=True)
    return torch.stack([lpips_pool(*layer) for layer in layers]).sum(dim=0)


def box_distance(
    x: Images, y: Images, boxes: Sequence[Sequence[Box | None]], network: Network
) -> Float64[Tensor, "B R"]:
    """LPIPS of crops: of each image, those to its boxes; NaN for no box or one too small."""
    nothing = torch.full((1,), torch.nan, dtype=torch.float64, device=x.device)
    scores = []
    for i, row in enumerate(boxes):
        for box in row:
            if box is None or not fits(box, network):
                scores.append(nothing)
                continue
            fx, fy = (features(crop_to(image[i : i + 1], box), network) for image in (x, y))
            scores.append(distance(fx, fy, network))
    return torch.cat(scores).view(len(boxes), -1)


def layer_weights(mask: Mask, y: Features) -> tuple[Float64[Tensor, "B R _ _"], ...]:
    """How much each position of each layer counts in the mean of its upsampled map in a region.

    Averaging an upsampled map over a mask is linear, so its adjoint can be applied to the mask
    instead, once for all images that will be compared. Each sums to 1; NaN for an empty region.
    """
    # matrix products of transposed memory differ in their last bits
    mask = mask.contiguous()
    regions = (mask.double() / mask.sum(dim=(-2, -1), keepdim=True)).split(1)
    return tuple(
        torch.cat([_downsampled(region, *layer.shape[-2:]) for region in regions]) for layer in y
    )


def region_boxes(mask: Mask, pad: int = 0) -> list[list[Box | None]]:
    """Bounding box of each region of each image, grown by `pad`; None for an empty region."""
    rows, columns = mask.any(dim=-1).cpu(), mask.any(dim=-2).cpu()
    return [
        [box_around(r, c, pad) for r, c in zip(*both, strict=True)]
        for both in zip(rows, columns, strict=True)
    ]


def crop_to(image: Images, box: Box) -> Num[Tensor, "B C h w"]:
    """The part of `(B, C, H, W)` images inside a box."""
    top, left, bottom, right = box
    return image[..., top:bottom, left:right]


def fits(box: Box, network: Network) -> bool:
    """Whether a crop is large enough for the network to see."""
    return min(box[2] - box[0], box[3] - box[1]) >= network.layout.min_side


def _evenly(layer: Tensor) -> Float64[Tensor, "B 1 h w"]:
    batch, _, height, width = layer.shape
    share = layer.new_full((1, 1, 1, 1), 1 / (height * width), dtype=torch.float64)
    return share.expand(batch, 1, height, width)


def _downsampled(
    region: Float64[Tensor, "1 R H W"], height: int, width: int
) -> Float64[Tensor, "1 R h w"]:
    """The adjoint of the bilinear upsampling of a layer of that size, applied to regions."""
    rows = _upsampling(height, region.shape[-2], region.device)
    columns = _upsampling(width, region.shape[-1], region.device)
    return rows.mT @ region @ columns


def _upsampling(source: int, target: int, device: torch.device) -> Float64[Tensor, "target source"]:
    """Matrix of the bilinear interpolation from `source` to `target` samples."""
    identity = torch.eye(source, dtype=torch.float64, device=device)[:, None]
    return interpolate(identity, size=target, mode="linear", align_corners=False)[:, 0].mT


def box_around(rows: Tensor, columns: Tensor, pad: int) -> Box | None:
    """The box of a region that touches these rows `(H,)` and columns `(W,)`, grown by `pad`."""
    inside_rows, inside_columns = rows.nonzero(), columns.nonzero()
    if len(inside_rows) == 0:
        return None
    top, left = int(inside_rows[0]), int(inside_columns[0])
    bottom, right = int(inside_rows[-1]) + 1, int(inside_columns[-1]) + 1
    return (
        max(top - pad, 0),
        max(left - pad, 0),
        min(bottom + pad, len(rows)),
        min(right + pad, len(columns)),
    )
