"""The same work for Inspect AI: 201 samples, one generate and two model-graded judge calls each; run by its own interpreter."""

import sys


def main() -> None:
    concurrency = int(sys.argv[1])
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import get_model
    from inspect_ai.scorer import model_graded_qa
    from inspect_ai.solver import generate

    call = "Write a research idea for the workshop. " + "Its call for papers. " * 60
    samples = [Sample(input=f"Task number {number}: {call}", target="a good idea") for number in range(201)]
    # Chat completions, as our own client asks: the scripted server speaks nothing else.
    models = {name: get_model(f"openai/{name}", responses_api=False) for name in ("m", "j1", "j2")}
    scorers = [model_graded_qa(model=models[judge]) for judge in ("j1", "j2")]
    task = Task(dataset=samples, solver=generate(), scorer=scorers)
    logs = eval(
        task,
        model=models["m"],
        max_connections=concurrency,
        max_samples=concurrency,
        display="none",
        log_dir=sys.argv[2],
    )
    log = logs[0]
    if log.status != "success" or log.results is None or len(log.samples or []) != 201:
        sys.exit(f"inspect ended as {log.status}: {log.error.message if log.error else 'no error told'}")


if __name__ == "__main__":
    main()
