"""Re-identification: rank a gallery by queries. What may come in: how that is read and measured, nothing shared."""
