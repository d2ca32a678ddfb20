"""What each juror is shown, and in which order."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from gpu_metrics.study.building.jurors import Invited
from gpu_metrics.study.building.orders import balanced_orders, sequence
from gpu_metrics.study.building.tokens import KeyedChance, token
from gpu_metrics.study.manifest import Kind, Showing, Token

Screens = Mapping[Kind, Sequence[str]]


def screen_id(secret: bytes, kind: Kind, scene: str) -> str:
    """What stands for a screen."""
    return token(secret, "screen", kind, scene)


def input_token(secret: bytes, kind: Kind, scene: str) -> Token:
    """What stands for the input on a screen."""
    return token(secret, "input", kind, scene)


def result_token(secret: bytes, kind: Kind, scene: str, team: str) -> Token:
    """What stands for a team's result on a screen."""
    return token(secret, "result", kind, scene, team)


def showings(
    jurors: Sequence[Invited], teams: Sequence[str], scenes: Screens, secret: bytes
) -> list[tuple[Showing, ...]]:
    """The screens of each juror in their order, as `orders` says, practice first.

    Tiles are balanced among the screens of each kind, and over all jurors who see the same teams.
    """
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, juror in enumerate(jurors):
        shown = tuple(sorted({*teams} - {*juror.tied_to}))
        alike[shown].append(index)
    found: dict[int, tuple[Showing, ...]] = {}
    for shown, indices in alike.items():
        tiles = {
            kind: balanced_orders(
                shown, len(of_kind), len(indices), KeyedChance(secret, "tiles", kind, *shown)
            )
            for kind, of_kind in scenes.items()
        }
        for nth, index in enumerate(indices):
            orders = {kind: iter(of_all[nth]) for kind, of_all in tiles.items()}
            found[index] = tuple(
                Showing(
                    screen=screen_id(secret, kind, scene),
                    order=tuple(
                        result_token(secret, kind, scene, team) for team in next(orders[kind])
                    ),
                )
                for kind, scene in _route(scenes, KeyedChance(secret, "route", str(index)))
            )
    return [found[index] for index in range(len(jurors))]


def _route(scenes: Screens, chance: KeyedChance) -> list[tuple[Kind, str]]:
    practice = chance.sample(scenes["practice"], len(scenes["practice"]))
    rest = sequence(scenes["vote"], scenes["repeat"], chance)
    return [
        *(("practice", scene) for scene in practice),
        *(("repeat" if again else "vote", scene) for scene, again in rest),
    ]
