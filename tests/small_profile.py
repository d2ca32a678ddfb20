"""A small profile that says everything a profile can say."""

from gpu_metrics.profiles import parse_profile

GOOD = """
schema = 1
name = "small"
version = "1"
title = "A small profile"
source = "nowhere"
notes = "none"
[images]
pairing = "stem"
extensions = [".png", ".jpg"]
skip = "mask"
decoding = "official"
[regions]
person = "mask >= 128"
[measures]
error = { metric = "mse", pool = "pixels" }
psnr_person = { metric = "psnr", region = "person", identical = 90 }
lpips_person = { metric = "lpips", region = "person", mode = "box", pad = 4 }
[per_image]
grade = "clip(psnr_person / 50, 0, 1) ** 2"
[formula]
fine = "1 - lpips_person"
total = "grade + fine - error"
[ranking]
by = "total"
higher_is_better = true
digits = 3
[typical]
error = 0.001
psnr_person = 30
lpips_person = 0.1
"""


def parse(text):
    """The profile that a text is."""
    return parse_profile(text, where="small.toml")


def changed(old, new):
    """`GOOD` with one thing in it that is otherwise."""
    assert GOOD.count(old) == 1, f"{old!r} must occur once"
    return GOOD.replace(old, new)
