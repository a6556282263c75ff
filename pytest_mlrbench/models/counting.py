"""A view of the model client that adds up what passes through it: a trial's or a review's own usage and cost."""

from ..records import Spent
from .api import ModelInfo, Models, Request, Response


class CountingModels:
    """`models`, with `spent` the sum over this view's calls; replayed answers count, they were paid for this trial."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self.spent = Spent()

    async def complete(self, request: Request) -> Response:
        response = await self._models.complete(request)
        self.spent += Spent(usage=response.usage, cost=response.cost or 0.0, unpriced_calls=int(response.cost is None))
        return response

    def info(self, model: str) -> ModelInfo:
        return self._models.info(model)

    def tokens(self, text: str) -> int:
        return self._models.tokens(text)
