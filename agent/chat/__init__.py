"""The analysis as a conversation in a terminal: a prompt that is always open, under the work as it goes."""
