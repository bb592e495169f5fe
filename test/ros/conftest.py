"""Node processes that end with the test."""

import pytest


@pytest.fixture
def watch():
    from node_process import Watcher

    watchers = []

    def make(name, executable="", params_file=None, **parameters):
        watchers.append(Watcher(name, executable, params_file, **parameters))
        return watchers[-1]

    yield make
    for w in watchers:
        w.close()
