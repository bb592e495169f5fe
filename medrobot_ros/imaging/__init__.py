"""Images: where they come from, how good they are, and the volume they make."""
