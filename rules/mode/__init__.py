"""How it is judged: train and eval mode, evaluation."""
