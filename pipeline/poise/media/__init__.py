"""Reading recordings: containers and decoders, in a process that can be killed."""
