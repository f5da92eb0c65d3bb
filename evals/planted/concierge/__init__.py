"""The concierge of an alpine gear rental: support with tools, in sessions; the experiment of the demonstration."""
