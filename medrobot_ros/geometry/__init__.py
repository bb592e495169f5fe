"""Rigid-body geometry: poses, twists, wrenches, quaternion order, and which skin a probe covers."""
