"""A comparison as tables and as a page, for those who decide what becomes of a team."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gpu_metrics.page import badge, bullets, heading, number, page, paragraph, table
from gpu_metrics.profiles import Profile
from gpu_metrics.verify.findings import Comparison, ImagePair, Pair, Verdict

_KINDS: dict[Verdict, Literal["good", "warn", "bad"]] = {
    "match": "good",
    "minor": "warn",
    "deviates": "bad",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A table with its title; `marked` are the indices of rows that ask for attention."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()


def sections(comparison: Comparison, profile: Profile, *, images: int) -> Iterator[Section]:
    """The tables of a comparison: total and means, the worst images, places, environment."""
    limits, by = profile.tolerances, profile.ranking.by
    digits = {by: max(profile.ranking.digits, 4)}
    held = [(by, comparison.score, limits.score)]
    held += [(name, pair, limits.measures[name]) for name, pair in comparison.measures.items()]
    yield Section(
        "Total and means",
        ("value", "online", "reproduced", "change", "match within", "minor within"),
        tuple(
            (
                name,
                number(pair.online, digits.get(name, 4)),
                number(pair.reproduced, digits.get(name, 4)),
                _signed(pair),
                _bound(limit.match),
                _bound(limit.minor),
            )
            for name, pair, limit in held
        ),
    )
    shown = comparison.images[:images]
    more = len(comparison.images) - len(shown)
    yield Section(
        f"Images, worst first{f' ({more} more)' if more else ''}",
        ("image", "pixels", *comparison.measures, "times its tolerance"),
        tuple(
            (image.id, _pixels(image), *map(_signed, image.values.values()), _times(image))
            for image in shown
        ),
        frozenset(index for index, image in enumerate(shown) if image.stands_out),
    )
    if rank := comparison.rank:
        passed = ", ".join(rank.passed) or "-"
        yield Section(
            f"Place among {rank.teams} teams",
            ("online", "reproduced", "teams between"),
            ((str(rank.online), str(rank.reproduced), passed),),
        )
    if comparison.environment:
        yield Section(
            "Computed with",
            ("what", "online", "reproduced"),
            tuple(
                (name, _plain(before), _plain(after))
                for name, (before, after) in comparison.environment.items()
            ),
        )


def to_html(comparison: Comparison, profile: Profile) -> str:
    """The whole comparison as one page."""
    blocks = []
    for section in sections(comparison, profile, images=len(comparison.images)):
        blocks.append(heading(section.title))
        blocks.append(table(section.columns, section.rows, marked=section.marked))
    return page(
        f"{comparison.online} reproduced",
        badge(comparison.verdict, _KINDS[comparison.verdict]),
        bullets(comparison.reasons),
        paragraph(summary(comparison), "quiet"),
        *blocks,
    )


def summary(comparison: Comparison) -> str:
    """What was compared, in one line."""
    images = len(comparison.images)
    return (
        f"{comparison.online} against {comparison.reproduced} by {comparison.profile}: "
        f"{comparison.identical} of {images} images have the same pixels"
    )


def _signed(pair: Pair) -> str:
    if pair.change == 0:
        return "0"
    return "-" if pair.change is None else f"{pair.change:+.4f}"


def _bound(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _pixels(image: ImagePair) -> str:
    if image.identical:
        return "same"
    if image.pixels is None:
        return "unknown"
    change = image.pixels
    return f"{change.changed:.1%} differ, mean {change.mean:.3f}, largest {change.largest}"


def _times(image: ImagePair) -> str:
    return "-" if image.excess is None else f"{image.excess:.2f}"


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
