"""Full-reference image metrics: pure functions of batched tensors."""

from gpu_metrics.metrics.delta_e import cie76, ciede2000, delta_e
from gpu_metrics.metrics.lpips import lpips
from gpu_metrics.metrics.pixel import decibels, mse, psnr
from gpu_metrics.metrics.ssim import ssim, ssim_map, ssim_per_channel
from gpu_metrics.metrics.trunk import Network, features

__all__ = [
    "Network",
    "cie76",
    "ciede2000",
    "decibels",
    "delta_e",
    "lpips",
    "mse",
    "psnr",
    "ssim",
    "ssim_map",
    "ssim_per_channel",
    "features",
]
