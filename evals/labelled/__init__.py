"""Real experiments whose failures people have marked: what an analysis with a reader found of them."""
