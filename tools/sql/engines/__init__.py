"""The engines that answer SQL over a snapshot."""
