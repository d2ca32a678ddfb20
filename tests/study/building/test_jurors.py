import pytest

from gpu_metrics.errors import InputError
from gpu_metrics.study.building.jurors import Invited, check_jurors, read_jurors, read_strata


def written(folder, text, encoding="utf-8"):
    path = folder / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_jurors_are_read_as_spreadsheets_write_them(tmp_path):
    text = '\ufeffjuror,tied_to\r\n Ada , north; south ;\r\n"Ben, the elder",\r\n\r\nCyd,east'
    assert read_jurors(written(tmp_path, text)) == [
        Invited("Ada", ("north", "south")),
        Invited("Ben, the elder"),
        Invited("Cyd", ("east",)),
    ]


def test_strata_are_read(tmp_path):
    path = written(tmp_path, "scene,stratum\n001,night\n002,\n")
    assert read_strata(path) == {"001": "night", "002": ""}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a first line juror,tied_to, got $"),
        ("juror;tied_to\n", "expected a first line juror,tied_to, got juror;tied_to"),
        ("juror,tied_to\nAda,north,south\n", "line 2: expected juror,tied_to"),
        ("juror,tied_to\nAda,\n,north\n", "line 3: expected juror,tied_to"),
        ("juror,tied_to\nAda\n", "line 2: expected"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        read_jurors(written(tmp_path, text))


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"none.csv: cannot be read: No such file"):
        read_jurors(tmp_path / "none.csv")
    with pytest.raises(InputError, match="expected CSV in UTF-8"):
        read_jurors(written(tmp_path, "juror,tied_to\nAda,\n", "utf-16"))
    with pytest.raises(InputError, match="scene '001' comes twice"):
        read_strata(written(tmp_path, "scene,stratum\n001,a\n001,b\n"))


def test_every_fault_of_a_jury_is_told():
    teams = ["north", "south", "east"]
    jurors = [Invited("Ada", ("norht",)), Invited("ada"), Invited("Ben", ("east", "north"))]
    with pytest.raises(InputError) as caught:
        check_jurors(jurors, teams, 1)
    assert str(caught.value).splitlines() == [
        "jurors:",
        "  Ada: tied to 'norht', which takes no part; did you mean 'north'?",
        "  ada: comes twice",
        "  Ben: would see 1 teams; expected at least 2",
    ]
    with pytest.raises(InputError, match="at least one"):
        check_jurors([], teams, 1)
    check_jurors([Invited("Ada", ("north",))], teams, 1)
