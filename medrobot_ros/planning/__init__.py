"""Where the patient lies, what to scan, and in which order things happen."""
