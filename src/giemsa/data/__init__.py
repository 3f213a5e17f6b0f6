"""Where images come from, and the tables that describe them."""
