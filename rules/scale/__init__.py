"""More than one device, half precision, checkpoints, resuming."""
