"""Other ways of finding issues in traces, side by side with ours: the same stores, the same endpoint, the same tokens."""
