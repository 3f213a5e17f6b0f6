"""From whatever arrived to images that can be trusted."""
