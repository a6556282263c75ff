"""What tests share: a scripted model server over HTTP and helpers that decide whether a test can run here."""
