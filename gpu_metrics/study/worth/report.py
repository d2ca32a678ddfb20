"""What a jury's count is worth as one page, for organisers."""

from collections.abc import Iterator
from html import escape

from gpu_metrics.page import heading, number, page, paragraph, table
from gpu_metrics.study.worth import charts
from gpu_metrics.study.worth.figures import p_text, places_text, range_text
from gpu_metrics.study.worth.findings import findings
from gpu_metrics.study.worth.report_metrics import metric_blocks
from gpu_metrics.study.worth.weighing import Worth

# scenes that the page names at either end; the tables have all
_SCENES = 5


def to_html(worth: Worth, *, title: str, study: str) -> str:
    """The page; `study` is the hash that was published before the vote."""
    return page(
        title,
        paragraph(summary(worth, study), "quiet"),
        heading("In short"),
        *(
            f'<p><span class="{found.kind}" style="min-width: 2.3rem; text-align: center">'
            f"{'look' if found.kind == 'warn' else 'fine'}</span> "
            f"{escape(found.text)}</p>"
            for found in findings(worth)
        ),
        *_teams(worth),
        *_strengths(worth),
        *_agreement(worth),
        *_jurors(worth),
        *_positions(worth),
        *(() if worth.correlations is None else metric_blocks(worth.correlations)),
        *_comments(worth),
    )


def summary(worth: Worth, study: str) -> str:
    """What was counted, in one line."""
    drawn = f"{worth.draws} draws of scenes and jurors" if worth.draws else "no draws"
    return (
        f"{worth.ballots} ballots of {worth.jurors} jurors on {worth.scenes} scenes, counted by "
        f"{worth.contest} ({worth.digest[:12]}), study {study[:12]}; {drawn}, "
        f"{worth.confidence:.0%} intervals."
    )


def team_rows(worth: Worth) -> tuple[list[str], list[list[str]]]:
    """The standing by the jury as titles and cells."""
    titles = [
        "place",
        "team",
        "picks",
        "of ballots",
        "score",
        "interval",
        "places",
        "ahead of next",
    ]
    return [*titles, "group"], [
        [
            str(team.place),
            team.team,
            f"{team.picks:.4g}",
            str(team.shown),
            number(team.score, 2),
            range_text(team.interval, 2),
            places_text(team.likely_places),
            number(team.ahead, 3),
            team.group or "-",
        ]
        for team in worth.teams
    ]


def _teams(worth: Worth) -> Iterator[str]:
    yield heading("Score of the jury")
    yield table(*team_rows(worth))
    if not worth.draws:
        return
    yield charts.ranges(
        [(team.team, team.score, team.interval) for team in worth.teams],
        title="Score of each team with its interval",
        digits=2,
    )
    yield paragraph(
        "The interval is where a score would lie had other scenes been drawn and other jurors "
        'been asked. "Ahead of next" is the share of draws in which a team beats the one below; '
        'teams that share a letter under "group" cannot be told apart. Where the most and '
        "fewest picks set the ends of the scale, intervals end there."
    )
    yield heading("Chance of each place, in percent")
    yield charts.shares(
        [(team.team, team.ranks) for team in worth.teams],
        title="Share of the draws in which each team has each place",
    )
    yield paragraph("A team whose color spreads over many columns owes its place to chance.")


def _strengths(worth: Worth) -> Iterator[str]:
    yield heading("Strengths beside counts")
    yield charts.ranges(
        sorted(
            ((team.team, team.strength, team.strength_interval) for team in worth.teams),
            key=lambda row: -row[1],
        ),
        title="Log strength of each team with its interval",
        digits=2,
        zero=True,
    )
    yield paragraph(
        "Log strengths of Plackett and Luce: a team that is 0.7 above another is picked before it "
        "twice as often. They allow for who was on the screen, and for the order of picks where "
        "jurors gave one. If they order teams otherwise than the score, hidden teams or ties of "
        f"interest moved the counts. A prior of {worth.prior:g} ballots per team keeps them "
        "finite; intervals are from draws of scenes."
    )


def _agreement(worth: Worth) -> Iterator[str]:
    found = worth.agreement
    yield heading("Do jurors agree?")
    yield paragraph(number(found.alpha, 2), "figure")
    yield paragraph(
        f"Krippendorff's alpha over all scenes, interval {range_text(found.interval, 2)}. 1 is the "
        "same picks by everybody, 0 is what picks at random give. Be wary of a standing where the "
        "interval reaches 0."
    )
    scenes = sorted(
        ((alpha, scene) for scene, alpha in found.by_scene.items() if alpha is not None),
        reverse=True,
    )
    if len(scenes) > 2 * _SCENES:
        ends = zip(scenes[:_SCENES], scenes[: -_SCENES - 1 : -1], strict=True)
        yield table(
            ("scene agreed on most", "alpha", "scene agreed on least", "alpha "),
            [(high[1], number(high[0], 2), low[1], number(low[0], 2)) for high, low in ends],
        )


def _jurors(worth: Worth) -> Iterator[str]:
    again = {found.juror: found for found in worth.consistency}
    yield heading("Jurors")
    rows = []
    for pace in worth.paces:
        repeat = again.get(pace.juror)
        rows.append(
            (
                pace.juror,
                str(pace.screens),
                number(pace.seconds, 1),
                number(worth.agreement.without.get(pace.juror), 2),
                f"{repeat.overlap:.2f} of {repeat.most:.3g}" if repeat else "-",
                number(repeat.chance, 2) if repeat else "-",
                p_text(repeat.p_value) if repeat else "-",
            )
        )
    yield table(
        (
            *("juror", "screens", "median seconds", "alpha without"),
            *("same on repeats", "by chance", "p"),
        ),
        rows,
        marked={i for i, row in enumerate(rows) if row[0] in again and again[row[0]].guessing},
    )
    yield paragraph(
        '"Alpha without" above the alpha of all says that the others agree better without this '
        'juror. "Same on repeats" is how many picks came back when a scene was shown again '
        "unannounced, beside what picks at random give; p is the chance that these do as well, "
        "and rows where it is above 0.05 are marked."
    )
    if worth.influence:
        yield heading("Had a juror not voted")
        yield table(
            ("without", "teams that change place", "largest change of a share of picks"),
            [
                (d.juror, ", ".join(d.moved) or "none", f"{100 * d.shift:+.1f} %, {d.shifted}")
                for d in worth.influence
            ],
        )


def _positions(worth: Worth) -> Iterator[str]:
    found = worth.positions
    yield heading("Does the place on the screen matter?")
    yield charts.bars(
        found.picks, found.expected, title="Picks by position of the tile, and what is expected"
    )
    yield paragraph(
        "Picks by position, left to right and top to bottom; the lines are what is expected. "
        f"p {p_text(found.p_value)}, chi-square {number(found.statistic, 1)} with {found.freedom} "
        "degrees of freedom. A small p says that some places drew more picks than results did; "
        "since every juror had another order, teams lose little by it."
    )
    if any(worth.tags.values()):
        yield heading("What decided")
        yield table(
            ("dimension", "ballots", "share"),
            [
                (name, str(count), f"{count / worth.ballots:.0%}")
                for name, count in sorted(worth.tags.items(), key=lambda item: -item[1])
            ],
        )


def _comments(worth: Worth) -> Iterator[str]:
    if worth.comments:
        yield heading("What jurors wrote")
        yield table(
            ("juror", "scene", "picked", "comment"),
            [(c.juror, c.scene, ", ".join(c.picks), c.text) for c in worth.comments],
        )
