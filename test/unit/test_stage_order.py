from medrobot_ros.stage import InOrder


def test_messages_out_of_order_are_left_out_and_a_clock_that_was_set_back_is_followed():
    order = InOrder()
    assert [order.late_ns(t) for t in (100, 102, 101, 103, 103)] == [0, 0, 1, 0, 0]
    behind = [order.late_ns(t) for t in range(3, 30)]
    assert behind[: InOrder.CLOCK_STEP - 1] == list(range(100, 91, -1)) and not any(behind[InOrder.CLOCK_STEP - 1 :])
    assert order.late_ns(1_000) == 0 and order.late_ns(999) == 1
