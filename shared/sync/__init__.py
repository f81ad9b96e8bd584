"""What Brevo is known to have of an export, what its list has, and how both differ from the segment."""
