"""SQL over the traces: the relations, the guard, the engines and the workers."""
