"""Agents whose faults are drawn at known rates: a script says what they do, kinds of faults say what goes wrong in it."""
