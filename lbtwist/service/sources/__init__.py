"""Where servers come from (rule 18): files, the DNS and web services."""
