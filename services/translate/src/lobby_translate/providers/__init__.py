"""Who translates: one module per engine behind one contract."""
