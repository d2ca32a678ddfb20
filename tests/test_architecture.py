"""One total order of modules: each imports only what stands before it, half of them no torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

KNOWING = """
    errors versions expressions catalog answer_metrics profiles score explain results names ids
    pairing intake sqlite_file cache runs piqa contests board ranking page verify study demo
""".split()
MEASURING = """
    tensors devices timeline color kernels sdist weights metrics precision lanes images reference
    pack resident targets measuring submissions provenance pipelines traffic collecting engine
    executors torchmetrics official bench doctor platforms
""".split()
ORDER = [*KNOWING, *MEASURING, "cli"]
HEAVY = {"torch", "torchvision", "torchmetrics", "kornia", "lpips", "cupy"}


def _modules():
    for path in sorted([*ROOT.glob("gpu_metrics/**/*.py"), *ROOT.glob("kernels/**/*.py")]):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = "kernels" if parts[0] == "kernels" else parts[1]
        if name != "__init__":
            yield pytest.param(name, path, id="/".join(parts))


def _imports(path, *, at_top=False):
    tree = ast.parse(path.read_text())
    for node in tree.body if at_top else ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "gpu_metrics":
                names = (alias.name for alias in node.names)
                yield from (f"gpu_metrics.{name}" for name in names if name != "__version__")
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


MODULES = list(_modules())


@pytest.mark.parametrize(("name", "path"), MODULES)
def test_imports_only_earlier_modules(name, path):
    assert name in ORDER, f"give {name} its place in ORDER"
    used = {i.split(".")[1] for i in _imports(path) if i.startswith("gpu_metrics.")} - {name}
    allowed = set(ORDER[: ORDER.index(name)])
    assert used <= allowed, f"{name} may not import {sorted(used - allowed)}"


@pytest.mark.parametrize(("name", "path"), MODULES)
def test_the_knowing_half_never_imports_torch(name, path):
    heavy = HEAVY & {i.split(".")[0] for i in _imports(path)}
    # gpu_metrics.torchmetrics builds on the package of the same name
    if name in KNOWING:
        assert not heavy


@pytest.mark.parametrize(("name", "path"), MODULES)
def test_only_the_launcher_imports_cupy(name, path):
    assert "cupy" not in {i.split(".")[0] for i in _imports(path)} or path.name == "launch.py"


@pytest.mark.parametrize(("name", "path"), [m for m in MODULES if m.values[0] == "cli"])
def test_verbs_import_the_measuring_half_inside(name, path):
    top = {i.split(".")[1] for i in _imports(path, at_top=True) if i.startswith("gpu_metrics.")}
    assert not top & {*MEASURING, "demo"}


@pytest.mark.parametrize("module", [name for name in KNOWING if name != "demo"])
def test_knowing_starts_without_numpy_or_torch(module):
    code = (
        f"import sys, gpu_metrics.{module}; print(*{{'torch', 'numpy', 'cv2'}} & {{*sys.modules}})"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []


@pytest.mark.parametrize(("name", "path"), [m for m in MODULES if m.values[0] == "study"])
def test_parts_of_a_study_share_its_documents_alone(name, path):
    own = path.parent.name
    parts = {
        p.name for p in (ROOT / "gpu_metrics" / "study").iterdir() if (p / "__init__.py").exists()
    }
    used = {i.split(".")[2] for i in _imports(path) if i.startswith("gpu_metrics.study.")}
    assert used & parts <= {own}


@pytest.mark.parametrize(("name", "path"), MODULES)
def test_files_fit_in_one_sitting(name, path):
    assert len(path.read_text().splitlines()) <= 300
