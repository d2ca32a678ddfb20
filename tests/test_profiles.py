"""How a profile is read, and what is said where it cannot be."""

import dataclasses
import pickle

import pytest

from gpu_metrics.errors import ProfileError
from gpu_metrics.profiles import Region, load_profile
from tests.small_profile import GOOD, changed, parse

OFFICIAL = "raim2026-flash-portrait"


def test_everything_that_is_written_is_read():
    profile = parse(GOOD)

    assert (profile.name, profile.version, profile.title) == ("small", "1", "A small profile")
    assert profile.images.pairing == "stem"
    assert profile.images.extensions == (".png", ".jpg")
    assert profile.images.skip == "mask"
    assert profile.regions == {"person": Region(">=", 128)}
    assert profile.needs_masks
    error, psnr, lpips = profile.measures.values()
    assert (error.metric, error.region, error.pool) == ("mse", "image", "pixels")
    assert (psnr.region, psnr.pool) == ("person", "mean")
    assert psnr.options == {"identical": 90.0, "color": "rgb", "border": 0}
    assert lpips.options == {"net": "alex", "mode": "box", "pad": 4}
    assert profile.per_image["grade"].names == ("psnr_person",)
    assert list(profile.formula) == ["fine", "total"]
    assert dataclasses.astuple(profile.ranking) == ("total", True, 3)
    assert profile.typical == {"error": 0.001, "psnr_person": 30.0, "lpips_person": 0.1}


def test_regions_per_image_and_skip_may_be_absent():
    text = changed('skip = "mask"\n', "").replace('[regions]\nperson = "mask >= 128"\n', "")
    text = (
        text.replace(', region = "person"', "").replace("[per_image]", "").replace("grade + ", "")
    )
    text = text.replace('grade = "clip(psnr_person / 50, 0, 1) ** 2"', "")
    profile = parse(text)

    assert (profile.images.skip, profile.regions, profile.per_image) == (None, {}, {})
    assert not profile.needs_masks


BAD = {
    "toml": ("schema = 1", "schema = = 1", "not readable as TOML"),
    "schema": ("schema = 1", "schema = 2", "this release reads schema = 1, got 2"),
    "no-schema": ("schema = 1", "", "missing key 'schema'"),
    "no-title": ('title = "A small profile"', "", "missing key 'title'"),
    "key": ('source = "', 'sauce = "', "unknown key 'sauce'; expected .*did you mean 'source'"),
    "table": ("[typical]", "[typicall]", "unknown key 'typicall'.*did you mean 'typical'"),
    "name": ('name = "small"', 'name = "Small one"', "name must match .* got 'Small one'"),
    "version": ('version = "1"', "version = 1.0", "version: expected a string, got 1.0"),
    "pairing": ('"stem"', '"stems"', "images.*unknown pairing 'stems'.*first-three-digits, stem"),
    "decoding": ('"official"', '"pillow"', "unknown decoding 'pillow'; .*official, strict"),
    "strict decoding": (
        '[".png", ".jpg"]\nskip = "mask"\ndecoding = "official"',
        '[".png", ".tif"]\nskip = "mask"\ndecoding = "strict"',
        r"images.*strict decoding reads \.png, \.jpg, \.jpeg, \.bmp; got '\.tif'",
    ),
    "extension": ('".jpg"', '"jpg"', "extensions must match .* got 'jpg'"),
    "extension-case": ('".jpg"', '".JPG"', "extensions must match .* got '.JPG'"),
    "extension-type": ('[".png", ".jpg"]', '".png"', "expected a list of strings, got '.png'"),
    "no-extension": ('[".png", ".jpg"]', "[]", "extensions is empty"),
    "skip": ('"mask"\n', '" "\n', "skip must match"),
    "skip-key": ("skip =", "skips =", r"\[images\]: unknown key 'skips'.*did you mean 'skip'"),
    "region-rule": ('"mask >= 128"', '"mask > 127"', r"\[regions\] person: expected .*mask > 127"),
    "region-zero": ("128", "0", "N in 1..255, got 'mask >= 0'"),
    "region-high": ("128", "256", "N in 1..255, got 'mask >= 256'"),
    "region-number": ('"mask >= 128"', "128", r"\[regions\] person: expected a string, got 128"),
    "region-image": ('person = "', 'image = "', "'image' is taken"),
    "region-name": ('person = "', 'Person = "', "'Person' cannot be a name"),
    "metric": ('"mse"', '"mae"', r"\[measures\] error: unknown metric 'mae'; available: psnr, mse"),
    "metric-type": ('"mse"', "1", "unknown metric 1"),
    "no-metric": ('metric = "mse", ', "", r"\[measures\] error: missing key 'metric'"),
    "measure-type": ('{ metric = "mse", pool = "pixels" }', '"mse"', "expected a table"),
    "region": ('"psnr", region = "person"', '"psnr", region = "persons"', "unknown region 'per"),
    "region-key": ('"psnr", region =', '"psnr", regoin =', "unknown key 'regoin'.*mean 'region'"),
    "pool": ('"pixels"', '"pixel"', "unknown pool 'pixel'; expected one of mean, pixels"),
    "pool-empty": ('"pixels"', '""', "unknown pool ''"),
    "pool-border": ('"pixels"', '"pixels", border = 2', "border must be 0, got 2"),
    "option": ("identical", "identcal", "unknown key 'identcal'.*did you mean 'identical'"),
    "option-value": ("90", '"90"', r"psnr_person.identical: expected a number.*got '90'"),
    "option-nan": ("90", "nan", "expected a number .*got nan"),
    "option-true": ("90", "true", "expected a number .*got True"),
    "option-whole": ("pad = 4", "pad = 4.5", "pad: expected a whole number in 0..1024, got 4.5"),
    "option-low": ("pad = 4", "pad = -1", "pad: expected a whole number in 0..1024, got -1"),
    "option-word": ('"box"', '"bocks"', "mode: expected one of image, box, map, got 'bocks'"),
    "pad": ('mode = "box", ', "", "only mode = \"box\" has a pad, got 'image'"),
    "measure-name": ("error = {", "exp = {", "'exp' is a function"),
    "measure-keyword": ("error = {", "lambda = {", "'lambda' cannot be a name"),
    "shadow": ("fine = ", "error = ", "'error' is taken; every name has one meaning"),
    "shadow-per-image": ("fine = ", "grade = ", "'grade' is taken"),
    "per-image-shadow": ("grade = ", "lpips_person = ", "'lpips_person' is taken"),
    "unknown-name": ("fine - error", "fine - eror", "unknown name 'eror'.*did you mean 'error'"),
    "forward": ('"1 - lpips_person"', '"1 - total"', "'total' is used before it is assigned"),
    "itself": ('"1 - lpips_person"', '"fine"', "'fine' is used before it is assigned"),
    "per-image-formula": ("psnr_person / 50", "fine / 50", "unknown name 'fine'"),
    "no-total": ("total = ", "sum = ", "no assignment defines total"),
    "syntax": ('"1 - lpips_person"', '"1 - "', r"\[formula\] fine: '1 -': invalid syntax"),
    "hostile": ('"1 - lpips_person"', '"exit()"', "unknown function 'exit'"),
    "assignment": ('"1 - lpips_person"', "1", r"\[formula\] fine: expected a string, got 1"),
    "by": ('by = "total"', 'by = "totals"', r"\[ranking\]: unknown by 'totals'; expected .*total"),
    "direction": ("= true", '= "yes"', "higher_is_better: expected true or false, got 'yes'"),
    "digits": ("digits = 3", "digits = 16", "digits must lie in 0..15, got 16"),
    "digits-true": ("digits = 3", "digits = true", "digits: expected a whole number, got True"),
    "typical-missing": ("lpips_person = 0.1", "", r"\[typical\]: missing key 'lpips_person'"),
    "typical-extra": ("= 0.1\n", "= 0.1\nssim = 1\n", "unknown key 'ssim'"),
    "typical-nan": ("= 0.1\n", "= nan\n", "lpips_person: expected a number, got nan"),
    "typical-value": (
        '"1 - lpips_person"',
        '"log(lpips_person - 1)"',
        r"fine: .* is undefined for -0.9; \[typical\] must lie where the formula works",
    ),
}


@pytest.mark.parametrize(("old", "new", "message"), BAD.values(), ids=BAD)
def test_refuses(old, new, message):
    with pytest.raises(ProfileError, match=f"^small.toml.*{message}"):
        parse(changed(old, new))


def test_refuses_a_profile_without_measures():
    start, end = GOOD.index("[measures]\n"), GOOD.index("[per_image]")
    with pytest.raises(ProfileError, match=r"\[measures\]: no measure"):
        parse(GOOD[:start] + "[measures]\n" + GOOD[end:])


def test_refuses_deeply_nested_toml():
    with pytest.raises(ProfileError, match="small.toml: not readable as TOML"):
        parse("x = " + "[" * 20_000)


@pytest.mark.parametrize("text", ["mask >= 128", "mask>=128", " mask  >=  128 "])
def test_region_rules_read_with_any_spacing(text):
    region = Region.parse(text, where="here")
    assert (region.operator, region.threshold, str(region)) == (">=", 128, "mask >= 128")


def test_unknown_profile_lists_what_there_is():
    with pytest.raises(ProfileError, match=f"unknown profile 'raindrop2027'.*{OFFICIAL}.*mean"):
        load_profile("raindrop2027")


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(ProfileError, match=r"none.toml: cannot be read: No such file"):
        load_profile(tmp_path / "none.toml")
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileError, match="bytes.toml: not UTF-8"):
        load_profile(tmp_path / "bytes.toml")


def test_errors_name_the_file_of_a_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(changed("digits", "digit"))
    with pytest.raises(ProfileError, match=f"^{path}, .*unknown key 'digit'"):
        load_profile(path)


def test_profiles_survive_pickling():
    profile = load_profile(OFFICIAL)
    copy = pickle.loads(pickle.dumps(profile))
    assert (copy, copy.digest) == (profile, profile.digest)
