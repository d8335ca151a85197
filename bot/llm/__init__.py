"""The model client: any OpenAI-compatible endpoint, and a second one when the first fails.

What is peculiar to DeepSeek ends here: reasoning text, `<think>` of self-hosted servers, JSON with fences around it.
"""

from bot.llm.client import LLM
from bot.llm.endpoint import Call, Endpoint, Timeouts

__all__ = ["LLM", "Call", "Endpoint", "Timeouts"]
