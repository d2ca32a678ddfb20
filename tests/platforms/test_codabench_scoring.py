import json
import multiprocessing
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_metrics.engine import Scorer
from gpu_metrics.pack import write_pack
from gpu_metrics.platforms.codabench import scoring
from gpu_metrics.platforms.codabench.scoring import run_program
from gpu_metrics.platforms.numbers import numbers
from gpu_metrics.results import Run

FILES = {"detailed_results.html", "per_image_scores.csv", "run.json", "scores.json"}


@pytest.fixture
def run(app, capfd):
    """Run the program on the worker's folders: exit status, output, lines on stderr."""

    def run(profile, **options):
        capfd.readouterr()
        code = run_program(app / "input", app / "output", profile, **options)
        return code, app / "output", capfd.readouterr().err.splitlines()

    return run


def names(folder):
    return {path.name for path in folder.iterdir()}


def page(output):
    return (output / "detailed_results.html").read_text("utf-8")


def test_a_good_submission_leaves_scores_and_the_record_behind_them(app, run, plain):
    code, output, told = run(plain)

    assert (code, names(output)) == (0, FILES)
    record = Run.load(output / "run.json")
    scores = json.loads((output / "scores.json").read_text())
    assert scores == numbers(record, plain)
    assert (output / "per_image_scores.csv").read_text() == record.to_csv()
    expected = Scorer(plain, app / "input" / "ref").score(app / "input" / "res")
    assert (record.images, record.scores) == (expected.images, expected.scores)
    assert told == [f"total {expected.scores['total']:.2f} from 6 images"]


def test_the_page_is_one_file_with_every_image(run, plain):
    _, output, _ = run(plain)
    record, html = Run.load(output / "run.json"), page(output)

    assert "<!doctype html>" in html and "<style>" in html
    assert not re.search(r"https?:|src=|href=|url\(|<script|<link|@import", html)
    for row in record.images:
        cells = "".join(f'<td class="number">{value:.4f}</td>' for value in row.values.values())
        assert f"<td>{row.id}</td>{cells}" in html
    assert f'<p class="figure">{record.scores["total"]:.2f}</p>' in html


def test_the_page_shows_progress_while_images_are_scored(run, plain, monkeypatch):
    written = []

    def write(path, text):
        written.append((path.name, text))

    monkeypatch.setattr(scoring, "_BETWEEN_PAGES", 0.0)
    monkeypatch.setattr(scoring, "write_atomically", write)
    run(plain)
    shown = [match[1] for _, text in written if (match := re.search(r'quiet">(.*), after', text))]
    assert shown[0] == "reading the reference set"
    done = [int(re.fullmatch("([1-6]) of 6 images", text)[1]) for text in shown[1:]]
    assert len(done) >= 2 and done == sorted(done) and done[-1] == 6
    # the page shows the result before there are scores
    assert [name for name, _ in written[-2:]] == ["detailed_results.html", "scores.json"]
    assert ">scored</span>" in written[-2][1]


def test_regions_and_remarks_are_shown(run, pixel_profile):
    code, output, _ = run(pixel_profile)
    assert code == 0
    assert "<td>psnr_person</td>" in page(output)
    assert "002: delta_e_person is not scored: the region person selects no pixel" in page(output)


def test_a_submission_that_does_not_match_fails_and_says_why(app, run, plain):
    (app / "input" / "res" / "004.png").rename(app / "input" / "res" / "<b>044.png")
    code, output, told = run(plain)

    assert (code, names(output)) == (3, {"detailed_results.html"})
    assert "<li>004: missing</li>" in page(output)
    assert "&lt;b&gt;044.png" in page(output) and "<b>" not in page(output)
    assert told[-1] == (
        "the submission does not match the reference set (5 of 6 images found): "
        "004: missing; <b>044.png: no image of the set is called <b>044"
    )


def test_damaged_images_leave_no_score(app, run, plain):
    (app / "input" / "res" / "002.png").write_bytes(b"")
    code, output, told = run(plain)

    assert (code, names(output)) == (3, {"detailed_results.html"})
    assert "<li>002.png: empty file</li>" in page(output)
    assert told[-1] == "1 of 6 images rejected, so there is no score: 002.png: empty file"


def test_long_lists_of_faults_are_cut(app, run, plain):
    for number in range(300):
        (app / "input" / "res" / f"x{number:03}.png").touch()
    _, output, told = run(plain)
    assert page(output).count("<li>") == 201
    assert "<li>and 100 more</li>" in page(output)
    assert told[-1].endswith("; and 297 more")


def test_errors_may_score_zero_as_the_organisers_had_it(app, run, plain):
    (app / "input" / "res" / "002.png").unlink()
    code, output, told = run(plain, on_error="zero")

    assert code == 0
    assert json.loads((output / "scores.json").read_text()) == {"total": 0, "Error": 1}
    assert ">not scored</span>" in page(output)
    assert "002: missing" in told[-1]


def test_zero_is_never_the_best_score(run, plain):
    lower = replace(plain, ranking=replace(plain.ranking, higher_is_better=False))
    code, output, told = run(lower, on_error="zero")
    assert (code, names(output)) == (2, {"detailed_results.html"})
    assert "0 would be the best score; fail on errors" in told[0]


@pytest.mark.parametrize("on_error", ["fail", "zero"])
def test_faults_of_the_hosts_fail_and_are_not_shown(app, run, plain, on_error):
    (app / "input" / "ref" / "gt" / "003.png").write_text("damaged")
    code, output, told = run(plain, on_error=on_error)

    assert (code, names(output)) == (2, {"detailed_results.html"})
    assert "003" not in page(output)
    assert "tell its hosts" in page(output)
    assert any("003.png: " in line for line in told[:-1])
    assert told[-1].endswith("tell its hosts")


def test_bugs_fail_with_their_trace_and_a_sentence(run, plain, monkeypatch):
    def score(*arguments, **options):
        raise RuntimeError("CUDA error: an illegal memory access")

    monkeypatch.setattr(Scorer, "score", score)
    code, output, told = run(plain, on_error="zero")
    assert (code, names(output)) == (4, {"detailed_results.html"})
    assert told[0] == "Traceback (most recent call last):"
    assert told[-1] == (
        "the scorer failed, which is no fault of the submission; submit it again: "
        "RuntimeError: CUDA error: an illegal memory access"
    )


def test_work_that_takes_too_long_stops_before_the_platform_stops_it(run, plain, monkeypatch):
    def score(self, submission, *, name, on_progress):
        for done in range(1000):
            on_progress(done, 1000)
            time.sleep(0.05)

    monkeypatch.setattr(Scorer, "score", score)
    code, output, told = run(plain, seconds=2.0)
    assert (code, names(output)) == (4, {"detailed_results.html"})
    assert told[-1].endswith("submit it again: stopped after 2 seconds, which is the time there is")
    assert "stopped after 2 seconds" in page(output)


def test_a_full_disk_leaves_no_scores(run, plain, monkeypatch):
    write = Path.replace

    def fail(self, target):
        if target.name == "run.json":
            raise OSError(28, "No space left on device")
        return write(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    code, output, told = run(plain)
    assert (code, names(output)) == (4, {"detailed_results.html"})
    assert told[-1].endswith("run.json: cannot be written: No space left on device")


def test_an_output_that_cannot_be_written_fails_and_says_so(app, run, plain):
    (app / "output").touch()
    code, _, told = run(plain)
    assert code == 4
    assert "File exists" in told[-1]


def test_scores_of_before_are_not_left_beside_a_failure(app, run, plain):
    assert run(plain)[0] == 0
    (app / "input" / "res" / "002.png").unlink()
    code, output, _ = run(plain)
    assert code == 3
    assert "scores.json" not in names(output)


def test_a_packed_reference_gives_the_same_scores(app, run, plain):
    _, output, _ = run(plain)
    expected = (output / "scores.json").read_bytes()
    reference = Scorer(plain, app / "input" / "ref").reference
    shutil.rmtree(app / "input" / "ref")
    write_pack(reference, plain, app / "input" / "ref" / "reference.pack")
    assert run(plain)[0] == 0
    assert (output / "scores.json").read_bytes() == expected


def test_neither_processes_nor_shared_memory_are_needed(run, plain, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a container has 64 MB of shared memory")

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", refuse)
    monkeypatch.setattr("multiprocessing.shared_memory.SharedMemory.__init__", refuse)
    assert run(plain)[0] == 0


@pytest.mark.weights
def test_the_official_profile_writes_the_official_keys(app, run, portraits, trunk_weights):
    from gpu_metrics.profiles import load_profile

    trunk_weights("alex")
    code, output, _ = run(load_profile("raim2026-flash-portrait"))
    scores = json.loads((output / "scores.json").read_text())
    assert code == 0
    assert list(scores)[:3] == ["Score", "GlobalScore", "PSNR_bg"]
    assert all(isinstance(value, float) for value in scores.values())
