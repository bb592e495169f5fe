"""What a user measures about a cell: tool point, probe weight, hand-eye, image on the probe; each with its uncertainty, on file."""
