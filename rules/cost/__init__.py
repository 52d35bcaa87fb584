"""What it costs: memory and speed."""
