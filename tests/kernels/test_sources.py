"""Kernel text: what is included, what is declared, and the rules every kernel keeps."""

import re

import pytest

from gpu_metrics.kernels import sources
from gpu_metrics.kernels.sources import Parameter, kernel_names, signature, source


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "files", lambda package: tmp_path)
    source.cache_clear()
    signature.cache_clear()
    yield tmp_path
    source.cache_clear()
    signature.cache_clear()


def test_includes_are_replaced_once_and_lines_keep_their_numbers(folder):
    (folder / "k.cu").write_text('int a;\n#include "one.cuh"\n#include "one.cuh"\nint z;\n')
    (folder / "one.cuh").write_text("int one;\n")
    assert source("k").splitlines() == [
        '#line 1 "k.cu"',
        "int a;",
        '#line 1 "one.cuh"',
        "int one;",
        '#line 3 "k.cu"',
        "int z;",
    ]


def test_signature_is_read_from_the_declaration(folder):
    (folder / "k.cu").write_text(
        'extern "C" __global__ void __launch_bounds__(256) k(\n'
        "    const unsigned char* __restrict__ x,  // bytes, in rows\n"
        "    double *out, long long n, float f)\n{ }\n"
    )
    assert signature("k") == (
        Parameter("x", "unsigned char", True),
        Parameter("out", "double", True),
        Parameter("n", "long long", False),
        Parameter("f", "float", False),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__global__ void k(int n) {}", "declares no"),
        ('extern "C" __global__ void k(Pair<int> p) {}', "neither a scalar nor a plain pointer"),
    ],
)
def test_a_declaration_that_cannot_be_typed_is_refused(folder, text, message):
    (folder / "k.cu").write_text(text)
    with pytest.raises(LookupError, match=message):
        signature("k")


def test_every_kernel_has_a_case_for_the_tests_of_all():
    from cases import CASES

    assert set(CASES) == set(kernel_names())


FORBIDDEN = {
    "unsynchronised shuffle": r"__shfl(?!_\w+_sync)|__ballot\(|__any\(|__all\(",
    "libm": r"\b(?:pow|exp|log|log10|sin|cos|tan|atan|atan2|cbrt|hypot|rsqrt)f?\(",
    "plain char": r"(?<!unsigned )(?<!signed )\bchar\b",
    "dynamic shared memory": r"extern\s+__shared__",
    "print": r"\bprintf\(",
}


@pytest.mark.parametrize("rule", FORBIDDEN)
@pytest.mark.parametrize("name", kernel_names())
def test_kernels_keep_the_rules(name, rule):
    code = re.sub(r"//[^\n]*", "", source(name))
    assert not re.search(FORBIDDEN[rule], code)


@pytest.mark.parametrize("name", kernel_names())
def test_shared_memory_is_declared_where_it_can_be_poisoned(name):
    # the host compiler keeps it out of its section inside templates and inline functions
    declared = source(name).split('extern "C" __global__')
    assert len(declared) == 2 and "__shared__" not in declared[0]
