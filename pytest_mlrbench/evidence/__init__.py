"""Evidence: the ledger of what ran and which program wrote which file, and the checks that read it."""
