"""What is kept below REPORTS: stored results, their file format, the ledger, table schemas."""
