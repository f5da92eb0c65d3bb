"""The state machine: the order of the steps, and where a person is asked."""
