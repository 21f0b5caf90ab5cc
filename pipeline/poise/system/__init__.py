"""What knows the operating system: files, signals, locks, child processes, logs, time."""
