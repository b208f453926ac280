"""What the runtime tells of itself: metrics and logs."""
