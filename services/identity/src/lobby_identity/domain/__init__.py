"""Who is who, decided without I/O: identifiers, who wrote, which records are one person, what is known of them."""
