"""Errors belong to a fault, or to nobody; and then the run fails."""

from __future__ import annotations

from deploy.machines.samples import (
    GRACE,
    LOCK_WAIT,
    SELDOM,
    Fault,
    Sample,
    attribute,
    percentile,
    slowest,
    summary,
    waited_in_vain,
)

KILLED = ("host1 killed", True, 10.0, 12.0)


def failed(begun: float, ended: float) -> Sample:
    return Sample(begun, ended, True, "503")


def test_an_error_belongs_to_the_last_fault_that_shows() -> None:
    killed, redis = Fault(*KILLED), Fault("Redis killed", False, 11.0, 13.0)
    database = Fault("database stopped at once", True, 14.0, 16.0)
    during, after, both = failed(9.5, 10.5), failed(12.5, 13.0), failed(14.5, 15.0)
    good = Sample(11.0, 11.1, True, "")
    assert attribute([during, good, after, both], [killed, redis, database]) == []
    assert killed.errors == [during, after]
    assert (redis.errors, database.errors) == ([], [both])
    assert killed.recovery == 3.0


def test_an_error_before_or_long_after_belongs_to_nobody() -> None:
    early, late = failed(9.0, 9.9), failed(12.1 + GRACE, 20.0)
    killed = Fault(*KILLED)
    assert attribute([early, late], [killed]) == [early, late]
    assert killed.recovery == 0.0


def test_what_the_service_does_without_excuses_nothing() -> None:
    error = failed(11.0, 12.0)
    assert attribute([error], [Fault("Redis killed", False, 10.0, 13.0)]) == [error]


def test_a_failure_of_the_service_itself_has_no_excuse() -> None:
    error = Sample(11.0, 11.5, True, "500")
    assert attribute([error], [Fault(*KILLED)]) == [error]


def test_a_fault_that_never_ends_goes_on() -> None:
    assert attribute([failed(900.0, 901.0)], [Fault("database", True, 10.0)]) == []


def test_a_lock_not_had_in_time_excuses_a_few_writes() -> None:
    waited = failed(30.0, 30.0 + LOCK_WAIT)
    others = [
        failed(30.0, 31.9),
        Sample(30.0, 33.0, False, "503"),
        Sample(30.0, 33.0, True, "500"),
        Sample(30.0, 33.0, True, "OSError"),
    ]
    assert waited_in_vain([waited, *others], SELDOM) == [waited]
    assert waited_in_vain([waited, waited, *others], 2 * SELDOM - 1) == []


def test_numbers_are_those_of_the_answered() -> None:
    samples = [Sample(0.0, number / 1000, False, "") for number in range(1, 101)]
    assert (percentile(samples, 50), percentile(samples, 99)) == (51.0, 100.0)
    assert percentile([], 99) == 0.0
    assert list(summary([*samples, failed(0.0, 9.0)])) == [
        "reads: 100 answered, 0 errors; p50 51 ms, p99 100 ms",
        "writes: 0 answered, 1 errors; p50 0 ms, p99 0 ms",
    ]
    killed = Fault(*KILLED)
    during = [Sample(11.5, 14.0, True, ""), failed(11.0, 19.0)]
    assert slowest([*samples, *during], killed) == 2.5
    attribute(
        [failed(10.0, 11.0), failed(10.5, 11.0), Sample(10.0, 11.0, True, "OSError")], [killed]
    )
    assert killed.kinds == "2 503, 1 OSError"
