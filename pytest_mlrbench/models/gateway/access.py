"""What a coder is told of the gateway: where it listens inside the sandbox, and a token that dies with the trial."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ...errors import MLRBenchError

PORT = 8377
"""On the loopback of a container; in the local sandbox the gateway takes a free port of the host."""


@dataclass(frozen=True)
class GatewayAccess:
    """The gateway as a program in the sandbox sees it. Each property is what that provider's own client takes as its base URL."""

    base_url: str
    """`http://127.0.0.1:PORT`, without a slash at its end."""
    token: str
    """In the place of the provider's key; it opens this trial's gateway and nothing else."""
    ended_by: Callable[[], MLRBenchError | None] = field(default=lambda: None, repr=False, compare=False)
    """What the host knows to have kept the program from its model: BudgetSpent, InfrastructureError when the last call came to
    nothing at the provider, None when it was served. What a program inside says of that may be forged."""

    @property
    def anthropic(self) -> str:
        """For ANTHROPIC_BASE_URL: the client adds `/v1/messages`."""
        return f"{self.base_url}/anthropic"

    @property
    def openai(self) -> str:
        """For OPENAI_BASE_URL: the client adds `/chat/completions` or `/responses`."""
        return f"{self.base_url}/openai/v1"

    @property
    def gemini(self) -> str:
        """For GOOGLE_GEMINI_BASE_URL: the client adds `/v1beta/models/MODEL:generateContent`."""
        return f"{self.base_url}/gemini"

    def environment(self) -> dict[str, str]:
        """The variables by which the three providers' clients find the gateway."""
        return {
            "ANTHROPIC_BASE_URL": self.anthropic,
            "ANTHROPIC_API_KEY": self.token,
            "OPENAI_BASE_URL": self.openai,
            "OPENAI_API_KEY": self.token,
            "GOOGLE_GEMINI_BASE_URL": self.gemini,
            "GEMINI_API_KEY": self.token,
        }
