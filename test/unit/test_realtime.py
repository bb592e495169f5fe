import os

import pytest

from medrobot_ros.nodes.realtime import NICENESS, favour


def in_a_child(run):
    """What `run` returns in a process of its own, whose scheduling it may change: a number of one byte."""
    child = os.fork()
    if child == 0:
        os._exit(run())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def niceness_favoured():
    favour()
    return os.getpriority(os.PRIO_PROCESS, 0) + 100


def may_be_favoured():
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    except OSError:
        return 0
    return 1


def test_a_process_goes_before_others_where_that_is_granted():
    if not in_a_child(may_be_favoured):
        pytest.skip("niceness below 0 is not granted here")
    assert in_a_child(niceness_favoured) == NICENESS + 100
