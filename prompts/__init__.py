"""The prompts of the language analyst: one Markdown file each, rendered strictly, data kept apart from instructions."""

from .templates import Prompt, Rendered, load_prompt, prompt_hashes

__all__ = ["Prompt", "Rendered", "load_prompt", "prompt_hashes"]
