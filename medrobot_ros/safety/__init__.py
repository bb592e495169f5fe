"""Who may move, how far, and what takes the permission away."""
