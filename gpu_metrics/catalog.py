"""What profiles may ask of images: every metric with its direction, unit, promise, options."""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from gpu_metrics.errors import ProfileError

OptionValue = str | int | float
Promise = Literal["exact", "portable", "repeatable"]


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of a metric: one of `choices`, or a number of the type of `default` in a range."""

    default: OptionValue
    choices: tuple[str, ...] = ()
    low: float = -1e6
    high: float = 1e6

    def check(self, value: object, *, where: str) -> OptionValue:
        """`value` in the type of `default`, or a ProfileError that says what was expected."""
        if self.choices:
            if isinstance(value, str) and value in self.choices:
                return value
            raise ProfileError(
                f"{where}: expected one of {', '.join(self.choices)}, got {value!r}"
                f"{did_you_mean(value, self.choices)}"
            )
        if isinstance(value, int | float) and not isinstance(value, bool):
            whole = isinstance(value, int)
            if self.low <= value <= self.high and (whole or isinstance(self.default, float)):
                return type(self.default)(value)
        kind = "a number" if isinstance(self.default, float) else "a whole number"
        raise ProfileError(
            f"{where}: expected {kind} in {self.low:g}..{self.high:g}, got {value!r}"
        )


@dataclass(frozen=True, slots=True)
class Metric:
    """What the package knows about a metric without computing it.

    `promise` says how far the digits repeat: exact (the same integers everywhere), portable (the
    same bits everywhere) or repeatable (the same bits on one device and software stack). `domain`
    spans the values that the definition allows, `plausible` those that real submissions reach.
    """

    higher_is_better: bool
    unit: str
    promise: Promise
    domain: tuple[float, float]
    plausible: tuple[float, float]
    options: Mapping[str, Option]
    text: str


# luma: .299 R + .587 G + .114 B, full range; y: BT.601 studio swing, as MATLAB's rgb2ycbcr
_COLOR = Option("rgb", choices=("rgb", "luma", "y"))
# pixels shaved from each side before anything is measured
_BORDER = Option(0, low=0.0, high=1024.0)

METRICS: dict[str, Metric] = {
    "psnr": Metric(
        higher_is_better=True,
        unit="dB",
        promise="exact",
        domain=(-math.inf, math.inf),
        plausible=(5.0, 60.0),
        options={"identical": Option(100.0), "color": _COLOR, "border": _BORDER},
        text="Peak signal-to-noise ratio for a peak of 1; `identical` where nothing differs.",
    ),
    "mse": Metric(
        higher_is_better=False,
        unit="",
        promise="exact",
        domain=(0.0, 1.0),
        plausible=(1e-6, 0.3),
        options={"color": _COLOR, "border": _BORDER},
        text="Mean squared error for a peak of 1.",
    ),
    "ssim": Metric(
        higher_is_better=True,
        unit="",
        promise="portable",
        domain=(-1.0, 1.0),
        plausible=(0.0, 1.0),
        options={
            "window": Option("gaussian", choices=("gaussian", "binomial")),
            "color": _COLOR,
            "border": _BORDER,
        },
        text="Structural similarity. gaussian: 11x11, sigma 1.5, only where the window fits; "
        "binomial: 5x5, zero padded.",
    ),
    "delta_e": Metric(
        higher_is_better=False,
        unit="",
        promise="portable",
        domain=(0.0, math.inf),
        plausible=(0.0, 60.0),
        options={"formula": Option("ciede2000", choices=("opencv-8bit", "cie76", "ciede2000"))},
        text="Color difference in Lab. opencv-8bit: Euclidean in OpenCV's 8-bit Lab, where "
        "lightness counts 2.55 times as much as in cie76.",
    ),
    "lpips": Metric(
        higher_is_better=False,
        unit="",
        promise="repeatable",
        domain=(0.0, math.inf),
        plausible=(0.0, 0.8),
        options={
            "net": Option("alex", choices=("alex", "vgg")),
            "mode": Option("image", choices=("image", "box", "map")),
            "pad": Option(8, low=0.0, high=1024.0),
        },
        text="Learned perceptual distance, version 0.1. image: the whole image; box: the bounding "
        "box of the region and `pad` pixels around it; map: the spatial map averaged inside the "
        "region.",
    ),
}


def check_metric(name: object, *, where: str, among: Mapping[str, Metric] = METRICS) -> Metric:
    """The metric of that name, or a ProfileError that lists the names there are."""
    if isinstance(name, str) and name in among:
        return among[name]
    raise ProfileError(
        f"{where}: unknown metric {name!r}; available: {', '.join(among)}"
        f"{did_you_mean(name, among)}"
    )


def check_options(
    metric: str,
    given: Mapping[str, object],
    *,
    where: str,
    among: Mapping[str, Metric] = METRICS,
) -> dict[str, OptionValue]:
    """Every option of `metric`: as given where given, else its default."""
    options = check_metric(metric, where=where, among=among).options
    for name in given:
        if name not in options:
            raise ProfileError(
                f"{where}: {metric} has no option {name!r}; it has {', '.join(options)}"
                f"{did_you_mean(name, options)}"
            )
    values = {
        name: option.check(given[name], where=f"{where}.{name}")
        if name in given
        else option.default
        for name, option in options.items()
    }
    if "pad" in given and values["mode"] != "box":
        raise ProfileError(f'{where}.pad: only mode = "box" has a pad, got {values["mode"]!r}')
    return values


def min_side(metric: str, options: Mapping[str, OptionValue]) -> int:
    """Shortest side, in pixels, for which `metric` is defined, the border to shave included.

    For lpips in mode "box" it is the side of the box, pad included.
    """
    if metric == "lpips":
        return {"alex": 31, "vgg": 16}[str(options["net"])]
    window = 11 if options.get("window") == "gaussian" else 1
    return window + 2 * int(options.get("border", 0))


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """The end of an error message that offers the nearest known word, if one is near."""
    near = difflib.get_close_matches(str(word), list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
