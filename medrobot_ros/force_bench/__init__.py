"""Force control measured: one axis of arm and tissue for wide sweeps, the whole cell at spot checks, two baselines beside."""
