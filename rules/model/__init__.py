"""What is trained: layers, initialisation, parameters."""
