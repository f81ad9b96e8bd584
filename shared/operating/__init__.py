"""The operator's tools: what is wrong, what was given up, what is past its time, and who is to be forgotten."""
