"""The engine: one per run, a child process of the pytest controller; carries out, judges, audits and stores every trial once."""
