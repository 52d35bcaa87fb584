"""What is minimised: losses, what they are fed and what they keep alive."""
