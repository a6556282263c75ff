"""`python -m pytest_mlrbench.engine`, started by the pytest controller (client.EngineProcess)."""

from .service import main

if __name__ == "__main__":  # the audit's processes import this module too
    main()
