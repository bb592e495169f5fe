"""The permission to move: fresh, and not of an epoch that a stop has revoked. Relief is the one that a stop leaves: off the patient."""

from medrobot_ros.signals import Stamp


def permit_source(epoch: int) -> str:
    """What the supervisor writes into its permits; each reset begins a new epoch."""
    return f"safety#{epoch}"


RELIEF = "safety, relief"  # names no epoch: it permits nothing but to lift off
RELIEVED_SHARE = 0.5  # of the slow force above which it is given: then the arm has lifted off enough


class PermitGate:
    """Held by whoever moves the arm. Ages are measured on the holder's own clock, from arrival."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_ns = round(timeout_s * 1e9)
        self._arrived_ns: int | None = None
        self._relief_ns: int | None = None
        self._epoch = self._revoked = -1

    def receive(self, now_ns: int, permit: Stamp) -> None:
        """Takes a permit that arrived at `now_ns`; one that names no epoch is ignored."""
        if permit.source == RELIEF:
            self._relief_ns = now_ns
        epoch = permit.source.rpartition("#")[2]
        if epoch.isdecimal() and int(epoch) > self._revoked:
            self._epoch, self._arrived_ns = int(epoch), now_ns

    def revoke(self) -> None:
        """Refuses every permit of the current epoch, however fresh: a stop was asked for."""
        self._revoked, self._arrived_ns = self._epoch, None

    def granted(self, now_ns: int) -> bool:
        """Whether the arm may move at `now_ns`."""
        return self._arrived_ns is not None and now_ns - self._arrived_ns <= self._timeout_ns

    def relieves(self, now_ns: int) -> bool:
        """Whether a stopped arm may lift off at `now_ns`."""
        return self._relief_ns is not None and now_ns - self._relief_ns <= self._timeout_ns

    def opens(self, now_ns: int) -> bool:
        """Whether what the guard lets through may move the arm at `now_ns`."""
        return self.granted(now_ns) or self.relieves(now_ns)
