import threading

import pytest

from gpu_metrics.engine import Scorer
from gpu_metrics.traffic import Traffic


def test_nothing_served_is_no_rate():
    report = Traffic().report()
    assert (report.submissions, report.images, report.busy_seconds) == (0, 0, 0.0)
    assert report.images_per_second is report.latency_median is report.latency_max is None


def test_submissions_images_and_failures_are_counted(gallery, pixel_profile):
    scorer = Scorer(pixel_profile, gallery.reference, device="cpu")
    scorer.warm_up()
    assert scorer.traffic.report().submissions == 0
    threads = [threading.Thread(target=scorer.score, args=(gallery.submission,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(ValueError, match="no image"), scorer.traffic.counted():
        raise ValueError("no image")

    report = scorer.traffic.report()

    assert (report.submissions, report.failed, report.in_flight, report.images) == (3, 1, 0, 18)
    assert 0 < report.latency_median <= report.latency_p95 <= report.latency_max
    # three at once are busy for less than the sum of their times
    assert report.latency_max <= report.busy_seconds <= 3 * report.latency_max
    assert report.images_per_second == pytest.approx(18 / report.busy_seconds)


def test_a_submission_in_flight_is_seen():
    traffic = Traffic()
    with traffic.counted() as image:
        image()
        report = traffic.report()
    assert (report.in_flight, report.images, report.submissions) == (1, 1, 0)
    assert report.busy_seconds > 0
