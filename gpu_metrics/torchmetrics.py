"""`torchmetrics.Metric` classes that average the scores of one region over images and processes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float64
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.plot import _AX_TYPE, _PLOT_OUT_TYPE

from gpu_metrics.errors import InputError
from gpu_metrics.kernels.ssim_gaussian import RADIUS
from gpu_metrics.metrics.delta_e import delta_e
from gpu_metrics.metrics.lpips import fits, lpips, region_boxes
from gpu_metrics.metrics.pixel import psnr
from gpu_metrics.metrics.pool import crop
from gpu_metrics.metrics.ssim import ssim
from gpu_metrics.metrics.trunk import Network
from gpu_metrics.precision import repeatable
from gpu_metrics.tensors import Images, Mask, Scores
from gpu_metrics.weights import Weights, find_weights

# scores are added up as whole numbers and parts of 2^-32, so that no order of addition can move a
# bit; 64 bits hold two thousand million images
_PARTS = 2.0**32
_LARGEST = 1024.0


class RegionMetric(Metric):
    """Mean over images of one score per image, taken in one region of each.

    The states `scored`, `not_scored` and `failed` count images: a region without a pixel that
    counts is not scored and left out of the mean; an image fails whose score is not a number
    within 1024, as after a non-finite pixel, and then the mean is NaN. The sums are integers:
    batches, order and processes cannot move a bit of the mean of given scores, and a change of
    dtype leaves them alone.

    No gradient passes; the functions of `gpu_metrics.metrics` are there for losses.
    """

    is_differentiable = False
    full_state_update = False

    whole: Tensor
    parts: Tensor
    scored: Tensor
    not_scored: Tensor
    failed: Tensor
    measured: Tensor

    def __init__(
        self, name: str, score: partial[Scores], *, margin: int = 0, **kwargs: Any
    ) -> None:
        """Metric that averages `score`, which leaves out `margin` pixels at each side."""
        super().__init__(**kwargs)
        self.score = score
        self.margin = margin
        for state in ("whole", "parts", "scored", "not_scored", "failed"):
            self.add_state(state, torch.tensor(0), dist_reduce_fx="sum")
        # a collection shares states between metrics that look equal after one batch: the
        # settings, spelled out, keep apart two that merely score that batch alike
        settings = f"{name} {score.keywords}".encode()
        spelled = torch.tensor(list(settings), dtype=torch.uint8)
        self.add_state("measured", spelled, dist_reduce_fx="max")

    def update(
        self,
        preds: Images,
        target: Images,
        mask: Bool[Tensor, "B H W"] | Mask | None = None,
    ) -> None:
        """Score a batch.

        Args:
            preds, target: Images, uint8 or float in [0, 1], `(B, C, H, W)`.
            mask: Pixels of the region, `(B, H, W)` or `(B, 1, H, W)`. None means the whole image.
        """
        region = None if mask is None else _one_region(mask)
        if preds.device != self.scored.device:
            raise InputError(
                f"preds: expected tensors on the metric's device {self.scored.device}, got "
                f"{preds.device}; move the metric with .to({str(preds.device)!r})"
            )
        with repeatable():
            scores = self._scores(preds, target, region).flatten()
        valid = scores.abs() < _LARGEST
        empty = torch.zeros_like(valid) if region is None else ~self._scorable(region)
        kept = torch.where(valid, scores, 0.0)
        whole = kept.floor()
        self.whole += whole.long().sum()
        self.parts += ((kept - whole) * _PARTS).round().long().sum()
        self.scored += valid.sum()
        self.not_scored += (~valid & empty).sum()
        self.failed += (~valid & ~empty).sum()

    def compute(self) -> Float64[Tensor, ""]:
        """Mean over the scored images; NaN where there are none, or where one failed."""
        mean = (self.whole.double() + self.parts.double() / _PARTS) / self.scored.double()
        return torch.where(self.failed > 0, torch.nan, mean)

    def merge_state(self, incoming_state: dict[str, Any] | Metric) -> None:
        """Add the images of another metric of the same class and settings."""
        theirs: dict[str, Any] = (
            incoming_state.metric_state if isinstance(incoming_state, Metric) else incoming_state
        )
        if "measured" in theirs and _text(theirs["measured"]) != _text(self.measured):
            raise InputError(
                f"incoming_state: expected sums of {_text(self.measured)}, "
                f"got sums of {_text(theirs['measured'])}"
            )
        super().merge_state(incoming_state)
        self._computed = None

    def plot(
        self, val: Tensor | Sequence[Tensor] | None = None, ax: _AX_TYPE | None = None
    ) -> _PLOT_OUT_TYPE:
        """Plot `val`, one or more values of `forward` or `compute`; by default the mean."""
        return self._plot(val, ax)

    def set_dtype(self, dst_type: str | torch.dtype) -> Metric:
        """The metric as it is: in any other dtype its integer sums would lose images."""
        return self

    def _apply(
        self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = ""
    ) -> torch.nn.Module:
        super()._apply(fn, exclude_state)
        # a cached mean would be rounded where a model is moved to a narrower dtype
        self._computed = None
        return self

    def _scores(self, x: Images, y: Images, region: Mask | None) -> Scores:
        return self.score(x, y, region)

    def _scorable(self, region: Mask) -> Bool[Tensor, "B"]:
        """Which images have something to score in their region."""
        return crop(region, self.margin).any(dim=(1, 2, 3))


class MaskedPSNR(RegionMetric):
    """Mean of `gpu_metrics.metrics.psnr` over images, in dB; higher is better."""

    higher_is_better = True
    plot_lower_bound = 0.0

    def __init__(
        self, *, color: str = "rgb", border: int = 0, identical: float = 100.0, **kwargs: Any
    ) -> None:
        """Options as for `psnr`, but `identical` is finite, since one infinity is any mean."""
        if not abs(identical) < _LARGEST:
            raise InputError(f"identical: expected a score within 1024 dB, got {identical}")
        score = partial(psnr, color=color, border=border, identical=identical)
        super().__init__("psnr", score, margin=border, **kwargs)


class MaskedSSIM(RegionMetric):
    """Mean of `gpu_metrics.metrics.ssim` over images, in [-1, 1]; higher is better."""

    higher_is_better = True
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    def __init__(
        self, *, window: str = "gaussian", color: str = "rgb", border: int = 0, **kwargs: Any
    ) -> None:
        """Options as for `ssim`."""
        score = partial(ssim, window=window, color=color, border=border)
        reach = RADIUS if window == "gaussian" else 0
        super().__init__("ssim", score, margin=border + reach, **kwargs)


class MaskedDeltaE(RegionMetric):
    """Mean of `gpu_metrics.metrics.delta_e` over images, 0 or more; lower is better."""

    higher_is_better = False
    plot_lower_bound = 0.0

    def __init__(self, *, formula: str = "ciede2000", **kwargs: Any) -> None:
        """Options as for `delta_e`."""
        super().__init__("delta_e", partial(delta_e, formula=formula), **kwargs)


class MaskedLPIPS(RegionMetric):
    """Mean of `gpu_metrics.metrics.lpips` over images, 0 to about 1; lower is better."""

    higher_is_better = False
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    def __init__(
        self,
        *,
        net: str = "alex",
        mode: str = "map",
        pad: int = 8,
        micro_batch: int = 1,
        weights: Weights | None = None,
        **kwargs: Any,
    ) -> None:
        """Options as for `lpips`, on a network that follows the metric from device to device.

        Args:
            net: "alex" or "vgg".
            mode: "map" averages inside the region, "box" looks at its bounding box grown by
                `pad`; without a mask both score the whole image, as does "image".
            pad, micro_batch: As for `lpips`.
            weights: Of `net`; by default `find_weights(net)`, which may download them.
        """
        if weights is not None and weights.net != net:
            raise InputError(f"weights: expected those of {net!r}, got those of {weights.net!r}")
        score = partial(lpips, mode=mode, pad=pad, micro_batch=micro_batch)
        super().__init__(f"lpips on {net}", score, **kwargs)
        self.weights = find_weights(net) if weights is None else weights
        self.network = Network.build(self.weights, device=self.device)

    def _apply(
        self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = ""
    ) -> torch.nn.Module:
        super()._apply(fn, exclude_state)
        if self.network.device != self.device:
            self.network = Network.build(self.weights, device=self.device)
        return self

    def _scores(self, x: Images, y: Images, region: Mask | None) -> Scores:
        return self.score(x, y, region, network=self.network)

    def _scorable(self, region: Mask) -> Bool[Tensor, "B"]:
        if self.score.keywords["mode"] != "box":
            return super()._scorable(region)
        boxes = [box for [box] in region_boxes(region, self.score.keywords["pad"])]
        large_enough = [box is not None and fits(box, self.network) for box in boxes]
        return torch.tensor(large_enough, device=region.device)


def _one_region(mask: Tensor) -> Tensor:
    region = mask[:, None] if mask.dim() == 3 else mask
    if region.dim() != 4 or region.shape[1] != 1:
        raise InputError(
            f"mask: expected one region, (B, H, W) or (B, 1, H, W), got {tuple(mask.shape)}; "
            f"use a metric object for each region"
        )
    return region


def _text(spelled: Tensor) -> str:
    return bytes(spelled.tolist()).decode()
