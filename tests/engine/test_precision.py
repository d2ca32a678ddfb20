import threading
from operator import attrgetter

import pytest
import torch

from gpu_metrics.precision import repeatable

IN_FORCE = {
    "cuda.matmul.fp32_precision": "ieee",
    "cudnn.conv.fp32_precision": "ieee",
    "mkldnn.conv.fp32_precision": "ieee",
    "mkldnn.matmul.fp32_precision": "ieee",
    "cudnn.benchmark": False,
    "cudnn.deterministic": True,
}


def settings():
    return {name: attrgetter(name)(torch.backends) for name in IN_FORCE}


@pytest.fixture
def fast_host():
    """A host that traded digits for speed wherever torch lets it; what it had set is the value."""
    before = settings(), torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.mkldnn.conv.fp32_precision = "bf16"
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.deterministic = False
    yield settings()
    torch.set_float32_matmul_precision(before[1])
    for name, value in before[0].items():
        owner, _, last = name.rpartition(".")
        setattr(attrgetter(owner)(torch.backends), last, value)


def test_settings_are_put_in_force_and_taken_back(fast_host):
    assert fast_host != IN_FORCE
    with repeatable():
        assert settings() == IN_FORCE
    assert settings() == fast_host


def test_older_switches_of_torch_still_work_afterwards(fast_host):
    # torch refuses to answer them once they contradict the newer settings
    with repeatable():
        pass
    assert torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == "medium"


def test_untouched_settings_are_left_untouched():
    before = settings()
    with repeatable():
        pass
    assert settings() == before
    assert not torch.backends.cuda.matmul.allow_tf32


def test_an_exception_restores_too(fast_host):
    with pytest.raises(KeyboardInterrupt), repeatable():
        raise KeyboardInterrupt
    assert settings() == fast_host


def test_nesting_restores_at_the_outer_end(fast_host):
    with repeatable():
        with repeatable():
            assert settings() == IN_FORCE
        assert settings() == IN_FORCE
    assert settings() == fast_host


def test_autocast_and_gradients_are_off_inside_alone():
    weight = torch.ones(2, 2, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with repeatable():
            inside = weight @ weight
        outside = weight @ weight
    assert (inside.dtype, inside.requires_grad) == (torch.float32, False)
    assert (outside.dtype, outside.requires_grad) == (torch.bfloat16, True)


def test_the_first_thread_in_and_the_last_thread_out_do_the_work(fast_host):
    inside, leave = threading.Event(), threading.Event()
    seen = []

    def long_run():
        with repeatable():
            inside.set()
            assert leave.wait(10)
            seen.append(settings())

    thread = threading.Thread(target=long_run)
    with repeatable():
        thread.start()
        assert inside.wait(10)
    assert settings() == IN_FORCE, "the other thread is still at work"
    leave.set()
    thread.join()
    assert seen == [IN_FORCE]
    assert settings() == fast_host


def test_many_threads_leave_nothing_behind(fast_host):
    def work():
        for _ in range(50):
            with repeatable():
                assert settings() == IN_FORCE

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert settings() == fast_host
