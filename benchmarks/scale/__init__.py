"""How it grows: ten million rows, several workers, many exports due at once, a long history."""
