"""Customer Insights' folder layout: which snapshot is the newest, its files, its columns, its bytes."""
