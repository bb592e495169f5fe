from medrobot_ros.interfaces import topic
from medrobot_ros.signals import ProbeTwist
from medrobot_ros.stage import InOrder, Shown


def test_messages_out_of_order_are_left_out_and_a_clock_that_was_set_back_is_followed():
    order = InOrder()
    assert [order.late_ns(t) for t in (100, 102, 101, 103, 103)] == [0, 0, 1, 0, 0]
    behind = [order.late_ns(t) for t in range(3, 30)]
    assert behind[: InOrder.CLOCK_STEP - 1] == list(range(100, 91, -1)) and not any(behind[InOrder.CLOCK_STEP - 1 :])
    assert order.late_ns(1_000) == 0 and order.late_ns(999) == 1


def test_others_see_a_hundred_twists_a_second_whatever_the_control_rate_and_all_of_the_rest():
    for rate_hz in (100, 250, 500, 1000):
        shown = Shown()
        seen = [shown.shows("probe/twist", ProbeTwist(k * 10**9 // rate_hz, None)) for k in range(rate_hz)]
        assert seen[0] and abs(sum(seen) - topic("probe/twist").shown_hz) <= 17, (rate_hz, sum(seen))
        assert shown.shows("probe/twist", ProbeTwist(0, None))  # of a clock that was set back
        assert all(shown.shows("wrench", None) for _ in range(3))
