"""How weights change: backward, step, zero_grad and their order."""
