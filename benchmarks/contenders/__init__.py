"""What the product is measured against: programs that do the same, each written as its users would."""
