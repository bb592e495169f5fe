"""The record of an examination: writing it, reading it, judging it, showing it."""
