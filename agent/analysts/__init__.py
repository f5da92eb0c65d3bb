"""The analysts: who describes, proposes, judges, explains and narrates."""
