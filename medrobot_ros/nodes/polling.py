"""Taking what has arrived when it suits the loop, instead of waking for every message.

Waking a Python thread costs more than most messages do. A node whose work is periodic sleeps to its next deadline and then
takes everything at once; only contact and kinematics, which answer each sample, are woken by an executor.
"""

from collections.abc import Callable
from time import monotonic_ns
from typing import Any

from medrobot_ros.nodes.realtime import sleep_until

SERVICES_PERIOD_NS = 50_000_000


class Poller:
    """Serves a node's subscriptions and services (parameters included) from one loop."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._subscriptions = list(node.subscriptions)
        self._services = list(node.services)
        self._served_ns = 0

    def poll(self) -> None:
        """Hands over every message and request that has arrived; requests at once while the node waits for its transitions."""
        for subscription in self._subscriptions:
            self.take(subscription, lambda message, info, s=subscription: s.callback(message))
        now = monotonic_ns()
        if not self._node.active or now - self._served_ns >= SERVICES_PERIOD_NS:
            self._served_ns = now
            for service in self._services:
                _serve(service)

    @staticmethod
    def take(subscription: Any, use: Callable[[Any, Any], None]) -> None:
        """Hands over the messages of one subscription, at most as many as its queue holds."""
        for _ in range(subscription.qos_profile.depth):
            with subscription.handle:
                taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            if taken is None:
                return
            use(*taken)


def _serve(service: Any) -> None:
    with service.handle:
        request, header = service.handle.service_take_request(service.srv_type.Request)
    if request is not None and header is not None:
        service.send_response(service.callback(request, service.srv_type.Response()), header)


def poll_periodically(node: Any, rate_hz: float, tick: Callable[[], None], running: Callable[[], bool], behind: int = 1) -> None:
    """Polls and ticks on absolute deadlines; `behind`: see `next_deadline_ns`."""
    poller, period_ns = Poller(node), round(1e9 / rate_hz)
    deadline_ns = monotonic_ns()
    while running():
        deadline_ns = next_deadline_ns(deadline_ns, period_ns, monotonic_ns(), behind)
        sleep_until(deadline_ns)
        poller.poll()
        if running():
            tick()


def next_deadline_ns(last_ns: int, period_ns: int, now_ns: int, behind: int) -> int:
    """The next on the same grid: at once where that has passed, but ticks that are `behind` periods late or more are left out."""
    due_ns = last_ns + period_ns
    periods_late = max(0, now_ns - due_ns) // period_ns
    return due_ns + max(0, periods_late - behind + 1) * period_ns
