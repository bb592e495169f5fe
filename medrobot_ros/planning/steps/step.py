"""What every step of an examination is: a leaf of a py_trees tree that asks once, then watches until it is done or too late."""

from py_trees.behaviour import Behaviour
from py_trees.common import Status

from medrobot_ros.planning.board import Board
from medrobot_ros.signals import ContactStatus

DONE = "done"


class Step(Behaviour):  # type: ignore[misc]
    """A step with a phase and a time limit. `begin` asks; `advance` returns 'done', '' to go on, or a failure's reason."""

    phase = ""
    timeout_s = 30.0

    def __init__(self, board: Board) -> None:
        super().__init__(type(self).__name__.lower())
        self.board = board
        self._since_ns = 0

    def initialise(self) -> None:
        """py_trees calls this when the step begins."""
        self.board.phase = self.phase or self.board.phase
        self._since_ns = self.board.now_ns
        self.begin()

    def update(self) -> Status:
        """py_trees calls this every tick."""
        result = self.advance()
        if not result and self.elapsed_s > self.timeout_s:
            result = f"{self.name}: not done within {self.timeout_s:g} s{self.lacks()}"
        if result == DONE:
            return Status.SUCCESS
        if result:
            self.board.failure = result
            return Status.FAILURE
        return Status.RUNNING

    @property
    def elapsed_s(self) -> float:
        """Since the step began."""
        return 1e-9 * (self.board.now_ns - self._since_ns)

    def answer(self, mode: str) -> ContactStatus | None:
        """Contact's status since this step asked for `mode`."""
        contact = self.board.contact
        return contact if contact is not None and contact.stamp_ns >= self._since_ns and contact.mode == mode else None

    def begin(self) -> None:
        """Asks for what the step is about."""

    def advance(self) -> str:
        """Watches."""
        raise NotImplementedError

    def lacks(self) -> str:
        """What it still waits for, for the message."""
        return ""
