"""The book: one module per rule, grouped by family, nothing else."""
