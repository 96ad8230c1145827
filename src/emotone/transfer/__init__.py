"""What a net takes over from another: sources, layers by pattern, what stays frozen, a report of every tensor."""
