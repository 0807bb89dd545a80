"""Files of known customers: their bytes, rows and values. Pure but for the file that is read."""
