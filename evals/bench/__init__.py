"""How long the slow parts take, and how much memory."""
