"""What people and analysts open: pages, drawings, sentences, tables, captions."""
