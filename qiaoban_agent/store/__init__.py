"""Where sessions and the trail of events are kept."""

from qiaoban_agent.store.memory import MemoryStore, Store

__all__ = ["MemoryStore", "Store"]
