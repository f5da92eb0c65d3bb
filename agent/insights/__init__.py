"""The memory by hand: each verb is a typed function; `commands` puts them on the command line."""
