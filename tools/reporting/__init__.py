"""The report: facts from the memory, laid out for a reader."""
