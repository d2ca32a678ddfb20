import pytest

from gpu_metrics.errors import ReferenceSetError, SubmissionError
from gpu_metrics.pairing import find_reference, find_submission, reference_folders

HEADER = "id,gt,mask,submission"
FIRST = "a,truth/x.png,people/x.png,out/1.png"
SECOND = "b,truth/y.png,people/y.png,second.png"


@pytest.fixture(scope="module")
def plain(make_profile):
    """Pairs by manifest and needs no masks."""
    return make_profile({"mse": 'metric = "mse"'}, pairing='"manifest"')


@pytest.fixture(scope="module")
def masked(make_profile):
    measures = {"psnr": 'metric = "psnr", region = "person"'}
    return make_profile(measures, pairing='"manifest"')


@pytest.fixture
def reference(tmp_path):
    """Write a manifest beside four empty files; pairing never reads them."""
    for name in ("truth/x.png", "truth/y.png", "people/x.png", "people/y.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def make(*lines, encoding="utf-8"):
        (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n", encoding)
        return reference_folders(tmp_path)

    return make


def fault(folders, profile):
    with pytest.raises(ReferenceSetError) as caught:
        find_reference(folders, profile)
    return caught.value


def test_rows_are_read_relative_to_the_manifest_and_sorted(reference, masked, tmp_path):
    first, second = find_reference(reference(HEADER, SECOND, FIRST), masked)
    assert (first.id, first.expected) == ("a", "out/1.png")
    assert (first.gt, first.mask) == (tmp_path / "truth/x.png", tmp_path / "people/x.png")
    assert (second.id, second.expected) == ("b", "second.png")


def test_masks_are_optional_where_no_region_is_scored(reference, plain):
    (only,) = find_reference(reference("submission,id,gt", "1.png,a,truth/x.png"), plain)
    assert (only.id, only.mask) == ("a", None)


def test_spreadsheets_may_put_their_mark_first(reference, plain):
    folders = reference("id,gt,submission", "ä,truth/x.png,1.png", encoding="utf-8-sig")
    assert [files.id for files in find_reference(folders, plain)] == ["ä"]


@pytest.fixture
def paired(reference, masked):
    """Pair names with a manifest that expects out/1.png and second.png."""
    files = find_reference(reference(HEADER, FIRST, SECOND), masked)
    return lambda *names: find_submission(names, files, masked.images)


def test_submissions_are_paired_by_the_name_given(paired):
    assert paired("second.png", "out/1.png") == ({"a": "out/1.png", "b": "second.png"}, ())


def test_names_that_differ_by_case_are_told(paired):
    with pytest.raises(SubmissionError) as caught:
        paired("out/1.png", "second.PNG")
    assert caught.value.problems == ("found second.PNG, expected second.png",)


def test_names_in_another_folder_are_not_the_same(paired):
    with pytest.raises(SubmissionError) as caught:
        paired("1.png", "second.png")
    assert caught.value.problems == (
        "out/1.png: missing; did you mean '1.png'?",
        "1.png: no image of the set is called 1.png",
    )


@pytest.mark.parametrize("names", [["1.png", "2.png"], ["out/1.png", "out/2.png"]])
def test_a_folder_around_all_expected_files_may_be_left_out(reference, masked, names):
    second = SECOND.replace("second.png", "out/2.png")
    files = find_reference(reference(HEADER, FIRST, second), masked)
    assert find_submission(names, files, masked.images) == (dict(zip("ab", names, strict=True)), ())


def test_masks_need_not_be_there_where_nobody_looks_at_them(reference, masked):
    (only,) = find_reference(
        reference("submission,id,gt", "1.png,a,truth/x.png"), masked, masks=False
    )
    assert (only.id, only.mask) == ("a", None)


def test_missing_columns_are_named(reference, masked, tmp_path):
    error = fault(reference("id,gt", "a,truth/x.png"), masked)
    assert str(error) == (
        f"{tmp_path}/manifest.csv: expected a first line with id, gt, mask, submission; "
        "mask, submission is not there"
    )


def test_every_bad_row_is_listed(reference, masked, tmp_path):
    error = fault(
        reference(
            HEADER,
            FIRST,
            "a,truth/y.png,people/y.png,2.png",
            "c,truth/z.png,people/z.png,3.png",
            "d,truth/y.png",
            ",truth/y.png,,4.png",
            "e,truth/y.png,people/y.png,out/1.png",
        ),
        masked,
    )
    where = f"{tmp_path}/manifest.csv, line"
    assert error.problems == (
        f"{where} 3: id 'a' comes twice",
        f"{where} 4: {tmp_path}/truth/z.png is not there",
        f"{where} 4: {tmp_path}/people/z.png is not there",
        f"{where} 5: mask, submission is empty",
        f"{where} 6: id, mask is empty",
        f"{where} 7: submission 'out/1.png' comes twice",
    )


@pytest.mark.parametrize("lines", [[], [""], [HEADER]], ids=["nothing", "blank", "header"])
def test_an_empty_manifest_is_no_set(reference, masked, lines):
    expected = "no images; expected one line for each" if lines == [HEADER] else "a first line with"
    assert expected in str(fault(reference(*lines), masked))


@pytest.mark.parametrize(
    "content", [b"id,gt\xff\xfe\n", b'id,gt,mask,submission\n"' + b"x" * 2**18]
)
def test_what_is_no_csv_is_the_hosts_fault(reference, masked, tmp_path, content):
    folders = reference(HEADER)
    (tmp_path / "manifest.csv").write_bytes(content)
    assert "manifest.csv: expected CSV in UTF-8: " in str(fault(folders, masked))


def test_a_profile_that_needs_a_manifest_says_so(gallery, plain):
    error = fault(reference_folders(gallery.reference), plain)
    assert "test pairs by manifest; expected manifest.csv in the reference folder" in str(error)


def test_other_profiles_read_the_folders_beside_a_manifest(spoiled, make_profile):
    (spoiled.reference / "manifest.csv").write_text(HEADER)
    profile = make_profile({"psnr": 'metric = "psnr", region = "person"'}, pairing='"stem"')
    files = find_reference(reference_folders(spoiled.reference), profile)
    assert [f.id for f in files] == list(spoiled.truth)
