"""What writes the words of a reply: the curated default, or any model an app brings."""

from qiaoban_agent.models.base import Message, Model, Pieces
from qiaoban_agent.models.scripted import AsyncScripted, Pause, Scripted
from qiaoban_agent.models.spec import model_from

__all__ = ["AsyncScripted", "Message", "Model", "Pause", "Pieces", "Scripted", "model_from"]
