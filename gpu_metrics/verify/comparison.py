"""Two run records compared, image by image and on the total, against a profile's tolerances."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from gpu_metrics.errors import InputError
from gpu_metrics.profiles import Profile, Tolerance
from gpu_metrics.results import ImageRow, Run
from gpu_metrics.verify.findings import Comparison, ImagePair, Pair, PixelChange, Verdict

# a difference of rounded numbers may exceed a tolerance by its own rounding
_SLACK = 1e-9
# what a record says of the submission, not of what computed it
_NO_ENVIRONMENT = ("files", "readme", "cached", "source")

_VERDICTS: tuple[Verdict, ...] = ("match", "minor", "deviates")


def compare(
    online: Run,
    reproduced: Run,
    profile: Profile,
    *,
    pixels: Mapping[str, PixelChange] | None = None,
) -> Comparison:
    """How far a reproduced run is from the one that was scored online.

    A "match" has every image with the same pixels, or the ranked value and the means of all
    measures within their `match` tolerances and every image within its `minor` ones. It "deviates"
    where the ranked value or a mean is off by more than `minor`, where more than the tolerated
    share of images is, or where images have no score. Everything between is "minor".

    Args:
        pixels: By id, how far the decoded images are apart. Without, files of equal hashes are
            known to be identical and nothing is known of others.

    Raises:
        InputError: The runs cannot be compared: other rules, another reference set, other images,
            or an online run without a score.
    """
    _check(online, reproduced, profile)
    images = _images(online, reproduced, profile, pixels or {})
    score = Pair(online.scores[profile.ranking.by], reproduced.scores[profile.ranking.by])
    measures = {name: Pair(online.means[name], reproduced.means[name]) for name in profile.measures}
    verdict, reasons = _judge(profile, reproduced, score, measures, images)
    return Comparison(
        online=online.submission,
        reproduced=reproduced.submission,
        profile=f"{profile.name} {profile.version}",
        verdict=verdict,
        reasons=reasons,
        ranked=profile.ranking.by,
        score=score,
        measures=measures,
        images=tuple(sorted(images, key=_worst_first)),
        environment=dict(_environment(online.provenance, reproduced.provenance)),
    )


def _check(online: Run, reproduced: Run, profile: Profile) -> None:
    for what, run in (("online", online), ("reproduced", reproduced)):
        if run.profile.digest != profile.digest:
            stamp = f"{run.profile.name} {run.profile.version} ({run.profile.digest[:12]})"
            wanted = f"{profile.name} {profile.version} ({profile.digest[:12]})"
            raise InputError(
                f"{what}: scored by {stamp}, but compared by {wanted}; score both by the same rules"
            )
    if online.scores[profile.ranking.by] is None:
        raise InputError(f"online: {online.submission} has no score that could be reproduced")
    hashes = [run.provenance.get("reference_sha256") for run in (online, reproduced)]
    if None not in hashes and hashes[0] != hashes[1]:
        raise InputError(
            "reproduced: scored against another reference set than the online run; score it again"
        )
    expected = {row.id for row in online.images}
    found = {row.id for row in reproduced.images} | {item.id for item in reproduced.rejected}
    if expected != found:
        odd = ", ".join(sorted(expected ^ found)[:5])
        raise InputError(f"reproduced: other images than in the online run, such as {odd}")


def _images(
    online: Run, reproduced: Run, profile: Profile, pixels: Mapping[str, PixelChange]
) -> list[ImagePair]:
    before = {row.id: row for row in online.images}
    files = [run.provenance.get("files", {}) for run in (online, reproduced)]
    pairs = []
    for row in reproduced.images:
        change = pixels.get(row.id)
        hashes = [file.get(row.id, {}).get("sha256") for file in files]
        # other bytes may well be the same pixels
        identical = True if hashes[0] and hashes[0] == hashes[1] else None
        if change is not None:
            identical = change.largest == 0
        pairs.append(_image(before[row.id], row, profile, identical, change))
    return pairs


def _image(
    before: ImageRow,
    after: ImageRow,
    profile: Profile,
    identical: bool | None,
    change: PixelChange | None,
) -> ImagePair:
    values = {name: Pair(before.values[name], after.values[name]) for name in profile.measures}
    excesses = [_excess(pair, profile.tolerances.measures[name]) for name, pair in values.items()]
    known = [excess for excess in excesses if excess is not None]
    worst = max(known, default=0.0) if len(known) == len(excesses) else None
    return ImagePair(after.id, identical, change, values, worst)


def _excess(pair: Pair, tolerance: Tolerance) -> float | None:
    """How many times its tolerance a pair is off; None where no number could say."""
    if pair.online == pair.reproduced:
        return 0.0
    return abs(pair.change) / tolerance.minor if pair.change and tolerance.minor else None


def _worst_first(image: ImagePair) -> tuple[float, int, str]:
    excess = math.inf if image.excess is None else image.excess
    return -excess, -image.pixels.largest if image.pixels else 0, image.id


def _judge(
    profile: Profile,
    reproduced: Run,
    score: Pair,
    measures: Mapping[str, Pair],
    images: list[ImagePair],
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict, and what alone would have been enough for it."""
    if reproduced.rejected:
        return "deviates", tuple(f"{r.id}: rejected, {r.reason}" for r in reproduced.rejected)
    if all(image.identical for image in images):
        return "match", (f"all {len(images)} images have the same pixels",)
    limits = profile.tolerances
    found = [
        _held(profile.ranking.by, score, limits.score),
        *(_held(name, pair, limits.measures[name]) for name, pair in measures.items()),
    ]
    if odd := [image.id for image in images if image.stands_out]:
        share = len(odd) / len(images)
        text = f"{len(odd)} of {len(images)} images stand out: {', '.join(odd[:5])}"
        found.append((2 if share > limits.images else 1, text))
    level = max(level for level, _ in found)
    reasons = [text for own, text in found if own == level]
    # where all is well, the total says enough
    return _VERDICTS[level], tuple(reasons if level else reasons[:1])


def _held(name: str, pair: Pair, tolerance: Tolerance) -> tuple[int, str]:
    """0 where a pair matches, 1 where it differs a little, 2 where it deviates; and in words."""
    if pair.change is None:
        known = pair.online is None and pair.reproduced is None
        return (0, f"{name} has no value") if known else (2, f"{name} has a value in one run alone")
    off = abs(pair.change)
    bounds = tolerance.match, tolerance.minor
    level = sum(off > bound * (1 + _SLACK) for bound in bounds)
    direction = "higher" if pair.change > 0 else "lower"
    where = f"beyond {bounds[1]:g}" if level == 2 else f"within {bounds[level]:g}"
    values = f"{pair.online:.6g} online, {pair.reproduced:.6g} reproduced"
    return (
        level,
        f"{name} is {off:.4g} {direction} ({values}), {where}" if off else f"{name} is the same",
    )


def _environment(
    online: Mapping[str, Any], reproduced: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """What differs, by name; tables are compared entry by entry."""
    for name in [*online, *(name for name in reproduced if name not in online)]:
        before, after = online.get(name), reproduced.get(name)
        if name in _NO_ENVIRONMENT or before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            for key, values in _environment(before, after):
                yield f"{name}.{key}", values
        else:
            yield name, (before, after)
