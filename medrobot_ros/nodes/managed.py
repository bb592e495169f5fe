"""A managed node: unconfigured, inactive, active, as ROS 2 defines them.

Unconfigured it has parameters and its lifecycle; inactive it has everything and lets nothing out but its heartbeat and diagnostics;
active it works. A stage that raises takes its node through error processing back to unconfigured, and the cell to a stop.
"""

import gc
import traceback
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

from lifecycle_msgs.srv import ChangeState
from rclpy.duration import Duration
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos_overriding_options import InvalidQosOverridesError

from medrobot_ros.config import CellConfig
from medrobot_ros.description import check_time
from medrobot_ros.errors import MedrobotError
from medrobot_ros.interfaces import CONTROL_PATH
from medrobot_ros.nodes.diagnostics import Diagnostics
from medrobot_ros.nodes.parameters import Parameters
from medrobot_ros.nodes.polling import Poller
from medrobot_ros.nodes.realtime import GraphClock, SteadyClock, favour, prioritise
from medrobot_ros.signals import SafetyStatus

RCLError = rclpy_implementation.RCLError
IDLE_S = 0.01  # between looks at the services of a node that is not configured
LEAVE_S = 4.0  # that a node waits for the arm to stop before it leaves; launch asks again after 5 s
LAST_WORDS_S = 0.5  # for which a node that leaves waits at most until all has arrived; a listener that was killed never says so


class ManagedNode(LifecycleNode):
    """What every node of the cell has in common. A subclass makes its parts in `_make`, drops them in `drop`, and works in `_work`."""

    def __init__(self, name: str, priority: int | None) -> None:
        super().__init__(name)
        self.configured = self.active = self.realtime = self._moving = False
        self._settings = Parameters(self, lambda: self.configured, self._reconfigure, self._check)
        self._refuse_what_cannot_be()
        self._priority = priority
        self._fault: Exception | None = None
        self._leave_by_s: float | None = None
        self.diagnostics = Diagnostics(self, self.config.arm.label)
        self.clock = self._make_clock()

    def _make_clock(self) -> SteadyClock | GraphClock:
        simulated = self.get_parameter("use_sim_time").value
        check_time(self.config, simulated)
        return GraphClock(self) if simulated else SteadyClock()

    @property
    def config(self) -> CellConfig:
        """The configuration that the parameters make."""
        return self._settings.config

    # --- what a kind of node is ---------------------------------------------------------------------------------------

    def _make(self) -> None:
        """Publishers, subscriptions, services and whatever they serve. Raises: MedrobotError where they cannot be made."""
        raise NotImplementedError

    def drop(self) -> None:
        """Undoes `_make`, as far as it went."""
        raise NotImplementedError

    def _work(self, running: Callable[[], bool]) -> None:
        """Serves the node while it is configured and `running`."""
        raise NotImplementedError

    def _check(self, config: CellConfig) -> None:
        """Raises: ConfigError for a setting that may not change so while the node runs."""

    def _reconfigure(self, config: CellConfig) -> None:
        """Takes a setting that changes while the node runs."""

    # --- its life -----------------------------------------------------------------------------------------------------

    def serve(self, running: Callable[[], bool]) -> None:
        """The node's whole life."""
        while running():
            poller = Poller(self)
            while running() and not self.configured:
                poller.poll()
                self.diagnose()
                sleep(IDLE_S)
            if running():
                self._work(lambda: running() and self.configured)
            if not self.configured:
                self.drop()  # not in the transition's own callback, whose service belongs to the loop that has just ended

    def diagnose(self, **values: Any) -> None:
        """Says once a second how it is; `values` are what a kind of node adds."""
        now_ns = self.clock.now_ns()
        if self.diagnostics.due(now_ns):
            state = "active" if self.active else "inactive" if self.configured else "unconfigured"
            self.diagnostics.publish(now_ns, state, {"real-time priority": self.realtime, **values})

    def heard(self, topic: str, signal: Any = None) -> None:
        """Counts an arrival, and notes whether the arm may move, as far as this node hears."""
        self.diagnostics.arrived(topic)
        if topic in ("safety/permit", "safety/stop"):
            self._moving = topic == "safety/permit"
        elif isinstance(signal, SafetyStatus):
            self._moving = signal.state in ("ok", "retreat")

    def may_leave(self) -> bool:
        """Whether the node may end when it is asked to: what a retreat needs stays until the supervisor has stopped the arm.

        The others leave at once, upon which the supervisor retreats and stops.
        """
        if self.get_name() not in (*CONTROL_PATH, "recorder") or not (self.active and self._moving):
            return True
        self._leave_by_s = self._leave_by_s or monotonic() + LEAVE_S
        return monotonic() > self._leave_by_s

    def destroy_node(self) -> None:
        """Leaves once its last words, such as why the arm was stopped, have arrived: with the node the middleware drops what has not."""
        until_s = monotonic() + LAST_WORDS_S
        with suppress(RCLError):  # some middlewares cannot tell
            for publisher in self.publishers:
                publisher.wait_for_all_acked(Duration(seconds=max(0.0, until_s - monotonic())))
        super().destroy_node()

    def fail(self, error: Exception) -> None:
        """What a stage raised ends in error processing, from which the node can be configured anew; its process lives on."""
        self.get_logger().error("".join(traceback.format_exception(error)))
        self._fault = error
        (self.trigger_deactivate if self.active else self.trigger_cleanup)()  # only a transition leads to error processing

    def _refuse_what_cannot_be(self) -> None:
        """A transition that the present state does not have is refused; rclpy alone would raise, and end the process."""
        (service,) = (s for s in self.services if s.srv_type is ChangeState)
        change = service.callback

        def change_or_refuse(request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
            try:
                return change(request, response)
            except RCLError as e:
                self.get_logger().warning(f"transition {request.transition.label or request.transition.id} refused: {e}")
                response.success = False
                return response

        service.callback = change_or_refuse

    # --- transitions --------------------------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Makes the node's parts at ordinary priority: done at real-time priority it would stop the control loops of the others."""
        prioritise(None)
        gc.disable()
        try:
            self._make()
        except (MedrobotError, InvalidQosOverridesError) as e:
            self.get_logger().error(str(e))
            self.drop()
            return TransitionCallbackReturn.FAILURE
        except Exception as e:
            self.get_logger().error("".join(traceback.format_exception(e)))
            self.drop()
            return TransitionCallbackReturn.ERROR
        finally:
            gc.freeze()  # a full collection over every imported module would stop a control loop for a third of a second
            gc.enable()
        self.realtime = prioritise(self._priority)
        if self._priority is None:
            favour()
        self._fault = None
        self.configured = True
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lets signals in and out."""
        self.active = True
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Keeps everything, lets nothing in or out."""
        self.active = False
        return TransitionCallbackReturn.ERROR if self._fault else TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to unconfigured; the parts go when the serving loop has ended."""
        self.active = self.configured = False
        return TransitionCallbackReturn.ERROR if self._fault else TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Whatever went wrong, the node can be configured anew."""
        self.active = self.configured = False
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lets nothing out any more."""
        self.active = self.configured = False
        return TransitionCallbackReturn.SUCCESS
