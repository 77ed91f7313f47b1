"""From bytes to text with words, boxes and tables, in a process of its own that may die."""
