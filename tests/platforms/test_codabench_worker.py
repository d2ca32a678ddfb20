import shutil
import zipfile

import pytest
import yaml

from gpu_metrics.errors import InputError
from gpu_metrics.pairing import reference_folders
from gpu_metrics.platforms.codabench.bundle import write_bundle, zip_folder
from gpu_metrics.platforms.codabench.worker import dry_run
from tests.platforms.conftest import COMPETITION

GOOD = '{"total": 3.5, "psnr": 1, "ssim": 0.5, "other": 9}'


@pytest.fixture(scope="module")
def bundle(gallery, plain, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "bundle"
    write_bundle(folder, COMPETITION, plain, reference=reference_folders(gallery.reference))
    return folder


@pytest.fixture
def submission(gallery, tmp_path):
    return zip_folder(gallery.submission, tmp_path / "submission.zip")


@pytest.fixture
def program(bundle, submission, tmp_path):
    """A dry run with another scoring program."""

    def run(code, limit=60):
        folder = shutil.copytree(bundle, tmp_path / "other")
        (folder / "scoring_program" / "scoring.py").write_text(code)
        content = yaml.safe_load((folder / "competition.yaml").read_text())
        content["phases"][0]["execution_time_limit"] = limit
        (folder / "competition.yaml").write_text(yaml.safe_dump(content))
        return dry_run(folder, submission, tmp_path / "output")

    return run


def writing(name, text):
    return f"import sys; open(sys.argv[2] + {'/' + name!r}, 'w').write({text!r})"


@pytest.mark.parametrize("packed", [False, True])
def test_a_submission_is_scored_from_upload_to_board(
    bundle, submission, gallery, tmp_path, run_cli, packed
):
    source = zip_folder(bundle, tmp_path / "bundle.zip") if packed else bundle
    told = []
    result = dry_run(source, submission, tmp_path / "output", say=told.append)

    local = run_cli(
        *("score", gallery.submission, "--reference", gallery.reference),
        *("--profile", "infrared-sr2026", "-o", tmp_path / "run.json"),
    )
    assert local.code == 0
    assert (result.problem, result.exit_status) == (None, 0)
    assert [column["key"] for column in result.columns] == ["total", "psnr", "ssim"]
    assert f"total {result.scores['total']:.2f}" in " ".join(local.out.split())
    assert result.last_line == told[-1] == f"total {result.scores['total']:.2f} from 6 images"
    assert (tmp_path / "output" / "detailed_results.html").is_file()


def test_a_refused_submission_fails_with_a_line_for_people(bundle, gallery, tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.write(gallery.submission / "001.png", "team/001.png")
    result = dry_run(bundle, tmp_path / "bad.zip", tmp_path / "output")

    assert result.problem == "the scoring program ended with status 3"
    assert result.scores == {}
    assert result.last_line == (
        "the submission does not match the reference set (1 of 6 images found): "
        "002: missing; 003: missing; 004: missing; and 2 more"
    )
    assert [path.name for path in (tmp_path / "output").iterdir()] == ["detailed_results.html"]


def test_scores_are_taken_as_the_platform_takes_them(program):
    result = program(writing("scores.json", GOOD))
    assert result.problem is None
    assert result.scores == {"total": 3.5, "psnr": 1, "ssim": 0.5, "other": 9}


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import sys; sys.exit(7)", "the scoring program ended with status 7"),
        ("", "the scoring program wrote no scores.json"),
        (writing("scores.json", "{"), "scores.json is no JSON: "),
        (writing("scores.json", "[1]"), "scores.json is no object of numbers by name"),
        (writing("scores.json", '{"a": NaN}'), "a is nan, but only finite numbers are stored"),
        (writing("scores.json", '{"a": Infinity}'), "a is inf, but only finite numbers"),
        (writing("scores.json", '{"a": "27.1"}'), "a is '27.1', but only finite numbers"),
        (writing("scores.json", '{"a": true}'), "a is True, but only finite numbers"),
        (writing("metadata", "x"), "wrote output/metadata, which belongs to the worker"),
    ],
)
def test_what_the_platform_does_not_take_fails(program, code, problem):
    result = program(code)
    assert problem in result.problem
    assert result.scores == {}


def test_a_program_that_takes_too_long_is_killed(program):
    result = program("import time; time.sleep(60)", limit=1)
    assert result.problem == (
        "killed: it took longer than the phase allows, or more memory than there is"
    )
    assert result.exit_status == -9


def test_a_thread_that_hangs_does_not_keep_the_program(bundle, submission, tmp_path):
    folder = shutil.copytree(bundle, tmp_path / "other")
    program = folder / "scoring_program" / "scoring.py"
    hang = "import time, gpu_metrics.engine\ngpu_metrics.engine.load = lambda *a: time.sleep(300)\n"
    program.write_text(program.read_text().replace("try:\n    main", f"{hang}try:\n    main"))
    metadata = folder / "scoring_program" / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("--seconds 570", "--seconds 8"))
    result = dry_run(folder, submission, tmp_path / "output")
    assert result.problem == "the scoring program ended with status 4"
    assert result.last_line.endswith("stopped after 8 seconds, which is the time there is")


def test_the_program_finds_the_workers_folders(program, tmp_path):
    result = program(
        "import os, sys\n"
        "print(*sorted(os.listdir(sys.argv[1])), *sorted(os.listdir('.')), file=sys.stderr)\n"
        "print(*sorted(os.listdir(sys.argv[1] + '/res')), file=sys.stderr)\n"
    )
    assert result.last_line == "001.png 002.png 003.png 004.png 005.png 006.png metadata"


def test_the_last_line_is_the_last_that_says_anything(program):
    result = program("import sys; print('why', file=sys.stderr); print('\\n \\n', file=sys.stderr)")
    assert result.last_line == "why"


def test_uploads_that_are_no_zip_files_are_told(bundle, tmp_path):
    (tmp_path / "team.zip").write_text("images")
    with pytest.raises(InputError, match="team.zip: no zip file, so no worker would open it"):
        dry_run(bundle, tmp_path / "team.zip", tmp_path / "output")


def test_bundles_that_are_none_are_told(submission, tmp_path):
    (tmp_path / "bundle.zip").write_text("nothing")
    with pytest.raises(InputError, match="bundle.zip: expected a bundle, a folder or zip file"):
        dry_run(tmp_path / "bundle.zip", submission, tmp_path / "output")
    with pytest.raises(InputError, match="competition.yaml: cannot be read"):
        dry_run(tmp_path, submission, tmp_path / "output")


def test_phases_that_are_not_there_are_told(bundle, submission, tmp_path):
    with pytest.raises(InputError, match="competition.yaml: phase 1 is incomplete: IndexError"):
        dry_run(bundle, submission, tmp_path / "output", phase=1)


def test_an_output_that_is_there_is_kept(bundle, submission, tmp_path):
    (tmp_path / "output").mkdir()
    with pytest.raises(InputError, match="output: is there already; name another folder"):
        dry_run(bundle, submission, tmp_path / "output")
