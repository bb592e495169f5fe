"""Exit statuses of the `medrobot` command."""

ACCEPTED, FAILED, REJECTED, STOPPED, INTERRUPTED = 0, 1, 2, 3, 130
OF_OUTCOME = {"accepted": ACCEPTED, "rejected": REJECTED, "aborted": REJECTED, "stopped": STOPPED}
