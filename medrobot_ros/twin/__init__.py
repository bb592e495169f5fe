"""The patient: skin, tissue, breathing and anatomy, and what sensors would make of them."""
