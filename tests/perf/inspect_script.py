"""What the scripted server answers Inspect: a text as long as our script's idea, and a grade where one is asked for."""

from tests.support.research_script import idea
from tests.support.scripted_server import Json, Reply, prompt_text


def answer(body: Json) -> Reply:
    if "GRADE:" in prompt_text(body):
        return Reply("The submission states a hypothesis and how to refute it. " * 12 + "\n\nGRADE: C", stage="review")
    return idea(body)
