"""How fast weights change: learning rate, schedule, optimizer."""
