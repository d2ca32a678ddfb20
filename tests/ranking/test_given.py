import numpy as np
import pytest

from gpu_metrics.errors import InputError
from gpu_metrics.ranking.given import read_given


@pytest.fixture
def read(tmp_path):
    def read(text, known=("picks", "runtime")):
        path = tmp_path / "given.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_given(path, known)

    return read


def test_a_line_per_team(read):
    given = read("team, runtime\nb,0.5\na,1e-1\n\nc,\n")
    assert given.of("runtime") == {"b": 0.5, "a": 0.1}
    assert (given.teams, given.scenes) == (("b", "a"), ("",))
    assert given.of("picks") == {}


def test_lines_of_scenes_add_up(read):
    given = read("scene,team,picks\n1,a,1\n1,b,1\n2,a,2\n2,a,1\n3,b,0\n")
    assert given.of("picks") == {"a": 4, "b": 1}
    assert given.scenes == ("1", "2", "3")
    counts = np.array([[1, 1, 1], [3, 0, 0], [0, 2, 1]])
    assert given.drawn("picks", ["b", "a"], counts).tolist() == [[1, 4], [3, 3], [0, 6]]


def test_spreadsheets_are_read(read):
    given = read(b'\xef\xbb\xbfteam,picks\r\n"Lab, the",3\r\n')
    assert given.of("picks") == {"Lab, the": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a first line with team, perhaps scene, and some of picks, runtime"),
        ("team\na\n", "and some of picks, runtime, each once; got team"),
        ("picks\n1\n", "each once; got picks"),
        ("team,picks,picks\n", "each once; got team, picks, picks"),
        ("team,pick\na,1\n", "unknown column 'pick'; .*did you mean 'picks'"),
        ("team,picks\na,1\na,2\n", "line 3: 'a' comes twice"),
        ("team,picks\na\n", "line 2: expected 2 cells, got 1"),
        ("team,picks\na,many\n", "line 2, picks: expected a number, got 'many'"),
        ("team,picks\na,nan\n", "line 2, picks: expected a number, got 'nan'"),
        (b"team,picks\n\xff,1\n", "not UTF-8 text"),
        ('team,picks\n"a,1\n' + "b,1\n" * 40_000, "not CSV, perhaps for an open quote"),
    ],
)
def test_refuses(read, text, message):
    with pytest.raises(InputError, match=f"given.csv.*{message}"):
        read(text)


def test_a_file_must_be_there(tmp_path):
    with pytest.raises(InputError, match="absent.csv: cannot be read: No such file"):
        read_given(tmp_path / "absent.csv", ["picks"])
