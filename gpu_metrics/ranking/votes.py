"""Tables of votes: a line for each team that a juror saw in a scene, or picked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gpu_metrics.contests import Contest, JuryRules, Rate
from gpu_metrics.errors import InputError
from gpu_metrics.ranking.arrays import Array
from gpu_metrics.ranking.bootstrap import Source
from gpu_metrics.ranking.composition import compute
from gpu_metrics.ranking.jury import Jury, drawn_picks, most_picks, picks

# the fewest of the simulated juries by which intervals were measured
_FEWEST_JURORS = 5

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Votes:
    """The votes of a jury, and how they are counted.

    `rates` are the names under which a contest wants picks as a part of all that are possible.
    """

    rules: JuryRules
    rates: tuple[str, ...]
    jury: Jury

    @classmethod
    def under(cls, contest: Contest, jury: Jury) -> "Votes":
        """The votes under the rules of a contest; InputError where it has no jury."""
        rates = [name for name, rule in contest.across.items() if isinstance(rule, Rate)]
        return cls(rules_of(contest), tuple(rates), jury)

    @property
    def names(self) -> tuple[str, ...]:
        """The input that the votes give."""
        return (self.rules.gives,)

    @property
    def teams(self) -> tuple[str, ...]:
        """The teams that jurors were shown."""
        return self.jury.teams

    def of(self, name: str) -> dict[str, float]:
        """The picks of each team, or its rate."""
        column = self.values(picks(self.jury, self.rules))[name]
        return dict(zip(self.teams, column.tolist(), strict=True))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of intervals must know."""
        jurors, scenes = len(self.jury.jurors), len(self.jury.scenes)
        if min(jurors, scenes) < 2:
            return ("the jury is not drawn: that takes two jurors and two scenes",)
        if jurors < _FEWEST_JURORS:
            return (
                f"with {jurors} jurors, intervals may cover less than they say; from "
                f"{_FEWEST_JURORS} on they were measured",
            )
        return ()

    def source(
        self, names: Sequence[str], teams: Sequence[str], *, draws: int, seed: Sequence[int]
    ) -> Source | None:
        """Picks and rates when scenes and jurors are drawn; None without two of each."""
        if min(len(self.jury.scenes), len(self.jury.jurors)) < 2:
            return None
        drawn, items = drawn_picks(self.jury, self.rules, draws=draws, seed=seed)
        columns = [self.teams.index(team) for team in teams]
        return Source("jury", items, self.values(drawn[:, columns]))

    def values(self, counted: Array) -> Mapping[str, Array]:
        """What counted picks are to a contest: its input, and their rate under the rates' names."""
        rates = dict.fromkeys(self.rates, counted / most_picks(self.jury, self.rules))
        return {self.rules.gives: counted, **rates}


def read_votes(
    titles: Sequence[str], lines: Sequence[Sequence[str]], contest: Contest, *, where: str
) -> Votes:
    """Votes from lines with the columns scene, juror, team, and what the jury gives: 1 or 0.

    A line with 0 says that the juror saw the team and did not pick it. Where no line has 0, all
    teams of the table were on every ballot.

    Raises:
        InputError: A column is missing or unknown, a line is at fault, or a ballot has not as many
            picks as the rules ask for.
    """
    rules = rules_of(contest)
    name, best = rules.gives, rules.best
    if sorted(titles) != sorted(["scene", "juror", "team", name]):
        raise InputError(
            f"{where}: a table of votes has the columns scene, juror, team and {name}; "
            f"got {', '.join(titles)}"
        )
    cells: dict[Key, bool] = {}
    for number, line in enumerate(lines, start=2):
        if not any(line):
            continue
        at = f"{where}, line {number}"
        row = cells_of(line, titles, where=at)
        key = row["juror"], row["scene"], row["team"]
        if row[name] not in ("0", "1") or not all(key):
            raise InputError(f"{at}: expected a scene, a juror, a team and 0 or 1, got {line}")
        if key in cells:
            raise InputError(f"{at}: {key[2]!r} comes twice on a ballot")
        cells[key] = row[name] == "1"
    if not cells:
        raise InputError(f"{where}: no vote")
    jury = _jury(cells, whole=all(cells.values()))
    for juror, scene in np.argwhere(jury.cast & (jury.picked.sum(axis=2) != best)):
        raise InputError(
            f"{where}: {jury.jurors[juror]!r} in scene {jury.scenes[scene]!r}: expected {best} "
            f"picks, got {jury.picked[juror, scene].sum()}"
        )
    return Votes.under(contest, jury)


def jury_scores(contest: Contest, jury: Jury, counted: Array) -> Array:
    """The score of the jury from picks: `(teams,)`, or `(draws, teams)` of draws.

    Raises:
        InputError: The contest has no jury, or its score needs more than votes.
    """
    votes = Votes.under(contest, jury)
    known = compute(contest, votes.values(counted))
    if (score := votes.rules.score) not in known:
        raise InputError(
            f"{contest.name}: {score} needs more than the votes of the jury; take them to "
            "`gpu-metrics final` with --given, beside what else it needs"
        )
    return np.broadcast_to(known[score], counted.shape)


def rules_of(contest: Contest) -> JuryRules:
    """The rules of a contest's jury; InputError where it has none."""
    if contest.jury is None:
        raise InputError(f"{contest.name}: has no [jury] that says how votes are counted")
    return contest.jury


def cells_of(line: Sequence[str], titles: Sequence[str], *, where: str) -> dict[str, str]:
    """The cells of a line by title, without the blanks around them."""
    if len(line) != len(titles):
        raise InputError(f"{where}: expected {len(titles)} cells, got {len(line)}")
    return dict(zip(titles, (cell.strip() for cell in line), strict=True))


def _jury(cells: Mapping[Key, bool], *, whole: bool) -> Jury:
    """The jury behind lines; `whole` says that a ballot showed all teams."""
    jurors, scenes, teams = (list(dict.fromkeys(key[part] for key in cells)) for part in range(3))
    shown = np.zeros((len(jurors), len(scenes), len(teams)), bool)
    picked = shown.copy()
    for (juror, scene, team), pick in cells.items():
        at = jurors.index(juror), scenes.index(scene)
        shown[at] |= whole
        shown[(*at, teams.index(team))] = True
        picked[(*at, teams.index(team))] = pick
    return Jury(tuple(jurors), tuple(scenes), tuple(teams), shown, picked)
