"""What is known of a signature's time, and what is made of it."""

from math import inf

from tfmodel_runtime.engine.pace import LIGHT_SECONDS, LOOP_SECONDS, Pace

SLOW = 3 * LOOP_SECONDS


def light(**fields: object) -> Pace:
    return Pace(seconds=0.0001, row_seconds=0.00001, row_size=4, **fields)  # type: ignore[arg-type]


def test_a_signature_of_which_nothing_is_known_is_not_light() -> None:
    assert not Pace().is_light()
    assert Pace().expected(1, 1) == inf


def test_the_expected_time_grows_with_rows_and_with_their_size() -> None:
    pace = light()
    assert pace.expected(1, 4) < pace.expected(8, 4) < pace.expected(8, 8)
    assert pace.expected(1, 1) == pace.expected(1, 4)


def test_a_row_far_larger_than_any_that_was_measured_takes_any_time() -> None:
    assert light().expected(1, 17) == inf


def test_rows_share_a_call_up_to_the_time_that_it_may_take() -> None:
    pace = light(batches=True)
    most = pace.most_rows(LOOP_SECONDS, 1000)
    assert most > 100
    assert pace.expected(most, 4) < LOOP_SECONDS * 1.001
    assert pace.most_rows(LOOP_SECONDS, 16) == 16
    assert light().most_rows(LOOP_SECONDS, 16) == 1


def test_calls_that_are_slow_one_after_another_leave_the_loop_for_a_while_and_longer_each_time() -> None:
    pace = light()
    lengths = []
    for _ in range(3):
        for _ in range(5):
            assert pace.is_light()
            pace.ran_in_loop(SLOW)
        count = 0
        while not pace.is_light():
            pace.ran_in_thread(1, 1, SLOW)
            count += 1
        lengths.append(count)
    assert lengths == [64, 128, 256]


def test_a_slow_call_now_and_then_is_the_machines_fault() -> None:
    pace = light()
    for _ in range(20):
        for _ in range(4):
            pace.ran_in_loop(SLOW)
        pace.ran_in_loop(0.0001)
    assert pace.is_light()


def test_a_call_that_was_slow_since_others_had_the_core_stays_in_the_loop() -> None:
    pace = light()
    for _ in range(20):
        pace.ran_in_loop(SLOW, 0.0001 if pace.is_suspect else None)
    assert pace.is_light()


def test_a_call_that_waits_by_itself_leaves_the_loop_too() -> None:
    pace = light()
    for _ in range(5):
        pace.ran_in_loop(0.2, 0.0 if pace.is_suspect else None)
    assert not pace.is_light()


def test_a_signature_that_was_not_measured_becomes_light_by_runs_that_were() -> None:
    pace = Pace()
    pace.ran_in_thread(1, 100, LIGHT_SECONDS / 2)
    assert pace.is_light()
    assert pace.expected(1, 100) == LIGHT_SECONDS / 2


def test_larger_rows_that_are_light_too_are_learned_and_heavy_ones_are_not() -> None:
    pace = light()
    pace.ran_in_thread(1, 1000, LIGHT_SECONDS / 2)
    assert pace.expected(1, 1000) == LIGHT_SECONDS / 2
    pace.ran_in_thread(1, 100_000, 1.0)
    assert pace.expected(1, 100_000) == inf
    assert pace.is_light()


def test_rows_beyond_which_a_call_is_hardly_cheaper_a_row_are_enough() -> None:
    assert Pace(seconds=0.0005, row_seconds=0.0005).enough_rows(64) == 1
    assert Pace(seconds=0.0002, row_seconds=0.0001).enough_rows(64) == 9
    assert light().enough_rows(64) == 64
    assert Pace().enough_rows(64) == 64
