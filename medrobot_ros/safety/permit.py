"""The permission to move: fresh, and not of an epoch that a stop has revoked. Relief is the one that a stop leaves: off the patient."""

from medrobot_ros.signals import Stamp


def permit_source(epoch: int) -> str:
    """What the supervisor writes into its permits; it begins a new epoch when it is made, and with each reset."""
    return f"safety#{epoch}"


RELIEF = "safety, relief"  # names no epoch: it permits nothing but to lift off
RELIEVED_SHARE = 0.5  # of the slow force above which it is given: then the arm has lifted off enough


class PermitGate:
    """Held by whoever moves the arm. Ages are measured on the holder's own clock, from arrival."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_ns = round(timeout_s * 1e9)
        self._arrived_ns: int | None = None
        self._relief_ns: int | None = None
        self._epoch: int | None = None
        self._revoked: set[int] = set()

    def receive(self, now_ns: int, permit: Stamp) -> None:
        """Takes a permit that arrived at `now_ns`; one that names no epoch is ignored."""
        if permit.source == RELIEF:
            self._relief_ns = now_ns
        epoch = permit.source.rpartition("#")[2]
        if epoch.isdecimal() and int(epoch) not in self._revoked:
            self._epoch, self._arrived_ns = int(epoch), now_ns

    def revoke(self) -> None:
        """Refuses every permit of the current epoch, however fresh: a stop was asked for."""
        if self._epoch is not None:
            self._revoked.add(self._epoch)
        self._arrived_ns = None

    def granted(self, now_ns: int) -> bool:
        """Whether the arm may move at `now_ns`."""
        return self._fresh(self._arrived_ns, now_ns)

    def relieves(self, now_ns: int) -> bool:
        """Whether a stopped arm may lift off at `now_ns`."""
        return self._fresh(self._relief_ns, now_ns)

    def _fresh(self, arrived_ns: int | None, now_ns: int) -> bool:
        """One from the future has been there since a simulator's clock was set back."""
        return arrived_ns is not None and abs(now_ns - arrived_ns) <= self._timeout_ns

    def opens(self, now_ns: int) -> bool:
        """Whether what the guard lets through may move the arm at `now_ns`."""
        return self.granted(now_ns) or self.relieves(now_ns)
