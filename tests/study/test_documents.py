import pytest

from gpu_metrics.errors import InputError
from gpu_metrics.study.ballots import Ballot, Cast, check_ballot
from gpu_metrics.study.manifest import MANIFEST, Key, Manifest
from gpu_metrics.study.votes import unblind
from tests.study.toy import toy_study


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    return folder, *toy_study(folder, ties={"Ben": ["north"]})


def ballot_of(manifest, juror="juror-1", index=1, **changes):
    showing = manifest.seats[juror].showings[index]
    given = {"screen": showing.screen, "picks": showing.order[:3], "ordered": True, "seconds": 9.5}
    return Ballot(**given | changes)


def test_documents_come_back_as_they_were(toy):
    folder, manifest, key = toy
    assert Manifest.load(folder / MANIFEST) == manifest
    assert Manifest.load(folder / MANIFEST).sha256 == manifest.sha256
    assert Key.parse(key.to_json(), where="key") == key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "key: invalid json"),
        ("{}", "key, secret: field required"),
        ('{"secrets": 1}', "key, secret: field required"),
    ],
)
def test_what_does_not_fit_is_named(text, said):
    with pytest.raises(InputError, match=said):
        Key.parse(text, where="key")


def test_a_manifest_names_no_team_scene_or_juror(toy):
    _, manifest, key = toy
    text = manifest.to_json()
    names = [*key.teams.values(), *(j.name for j in key.jurors.values()), key.secret]
    names += [key.organiser, *(j.invitation for j in key.jurors.values())]
    assert not [name for name in names if f'"{name}"' in text]


def test_an_invitation_opens_one_seat(toy):
    _, manifest, key = toy
    assert manifest.seat_of(key.jurors["juror-2"].invitation) == "juror-2"
    assert manifest.seat_of(manifest.seats["juror-2"].invitation_sha256) is None


def test_a_ballot_becomes_a_vote(toy):
    _, manifest, key = toy
    ballot = ballot_of(manifest, "juror-2")
    [vote] = unblind(manifest, key, [Cast(juror="juror-2", ballot=ballot, received="now")])
    assert vote.juror == "Ben" and vote.scene == "001" and vote.kind == "vote"
    assert len(vote.shown) == 5 and "north" not in vote.shown
    assert vote.picks == vote.shown[:3]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"screen": "another"}, "screen: not one of yours"),
        ({"picks": ()}, "picks: expected 3 candidates, got 0"),
        ({"picks": ("a", "b", "c")}, "picks: expected some of those on the screen"),
        ({"tags": ("beauty",)}, "tags: expected some"),
        ({"tags": ("scene balance", "scene balance")}, "tags: expected each once"),
    ],
)
def test_a_ballot_that_answers_nothing_is_refused(toy, changes, said):
    _, manifest, _ = toy
    with pytest.raises(InputError, match=said):
        check_ballot(ballot_of(manifest, **changes), "juror-1", manifest)


def test_nothing_is_picked_twice(toy):
    _, manifest, _ = toy
    first, second = manifest.seats["juror-1"].showings[1].order[:2]
    with pytest.raises(InputError, match="picks: expected each once"):
        check_ballot(ballot_of(manifest, picks=(first, first, second)), "juror-1", manifest)


def test_a_juror_cannot_pick_what_is_kept_from_them(toy):
    _, manifest, key = toy
    showing = manifest.seats["juror-1"].showings[1]
    north = next(token for token in showing.order if key.teams[token] == "north")
    others = [token for token in showing.order if token != north]
    with pytest.raises(InputError, match="picks"):
        check_ballot(ballot_of(manifest, picks=(north, *others[:2])), "juror-2", manifest)


def test_another_key_opens_nothing(toy):
    _, manifest, key = toy
    with pytest.raises(InputError, match="not the one that this study was made with"):
        unblind(manifest, key.model_copy(update={"seed": 1}), [])
