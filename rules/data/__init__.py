"""What the model sees: loading, splitting, transforming."""
