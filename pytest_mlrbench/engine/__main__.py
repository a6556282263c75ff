"""`python -m pytest_mlrbench.engine`, started by the pytest controller (client.EngineProcess)."""

if __name__ == "__main__":
    # Here, for the audit's processes import this module too, and have no use for an engine.
    from .service import main

    main()
