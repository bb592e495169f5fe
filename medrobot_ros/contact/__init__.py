"""Probe force control: what the tissue pushes, what to do about it, and which state that is."""
