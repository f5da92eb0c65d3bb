"""A simulated month: a store that grows day by day, with faults that begin, worsen, heal, return, and one that is rejected."""
