import threading
import time

import pytest
import torch

from gpu_metrics.lanes import ahead, lanes


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_torch_runs_on_one_thread_in_a_lane_and_on_the_hosts_number_elsewhere(two_threads):
    pool = lanes(3)

    assert {
        future.result() for future in [pool.submit(torch.get_num_threads) for _ in range(9)]
    } == {1}
    assert torch.get_num_threads() == 2
    seen = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == [2]


def test_results_come_in_order_though_work_ends_in_another():
    def work(item):
        time.sleep(0.02 * (item % 3))
        return item

    assert list(ahead(lanes(3), work, range(12), most=5)) == list(range(12))


def test_work_stays_only_so_far_ahead():
    started = []
    stream = ahead(lanes(1), started.append, range(100), most=2)
    next(stream)
    assert len(started) <= 3
    assert len(list(stream)) == 99


def test_an_error_reaches_the_caller_and_the_rest_is_dropped():
    done = []

    def work(item):
        if item == 2:
            raise ValueError("two")
        done.append(item)

    with pytest.raises(ValueError, match="^two$"):
        list(ahead(lanes(1), work, range(1000), most=4))
    assert max(done) < 10


def test_callers_of_one_pool_take_turns():
    pool, order, lock = lanes(1), [], threading.Lock()

    def work(item):
        time.sleep(0.002)
        with lock:
            order.append(item[0])

    def caller(name):
        list(ahead(pool, work, [(name, i) for i in range(30)], most=2))

    threads = [threading.Thread(target=caller, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # neither waits for the other to end
    first = order[:30]
    assert 8 <= first.count("a") <= 22
