"""When subscriptions are due."""
