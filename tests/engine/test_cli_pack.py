import json


def test_a_pack_serves_as_reference(gallery, run_cli, tmp_path):
    pack = tmp_path / "ref.pack"
    outcome = run_cli("pack", gallery.reference, "-o", pack, "--profile", "infrared-sr2026")
    assert (outcome.code, outcome.out) == (0, f"{pack}\n")
    assert outcome.err.startswith("6 images, 0 MB, reference ")

    runs = []
    for reference in (gallery.reference, pack):
        found = run_cli(
            *("score", gallery.submission, "--reference", reference, "--format", "json"),
            *("--profile", "infrared-sr2026", "--device", "cpu"),
        )
        runs.append(json.loads(found.out))
    assert runs[0] == runs[1]


def test_ground_truth_and_masks_may_lie_apart(gallery, run_cli, tmp_path):
    pack = tmp_path / "ref.pack"
    folders = "--gt", gallery.reference / "gt", "--masks", gallery.reference / "mask"
    assert run_cli("pack", *folders, "-o", pack).code == 0
    assert pack.is_file()


def test_a_reference_that_does_not_fit_packs_nothing(spoiled, run_cli, tmp_path):
    (spoiled.reference / "mask" / "003.png").unlink()
    outcome = run_cli("pack", spoiled.reference, "-o", tmp_path / "ref.pack")
    assert (outcome.code, outcome.out) == (2, "")
    assert "003.png: has no mask" in outcome.err
    assert not (tmp_path / "ref.pack").exists()


def test_something_must_be_packed(run_cli):
    outcome = run_cli("pack")
    assert outcome.code == 2
    assert "--gt DIR with --masks DIR" in outcome.err
