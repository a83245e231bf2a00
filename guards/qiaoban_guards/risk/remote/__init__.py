"""Guard models behind OpenAI-compatible HTTP, beside the embedded guard; extra `openai`.

Nothing here is imported by `qiaoban_guards.risk`. What is judged leaves the device.
"""

from qiaoban_guards.risk.remote.answers import NoVerdictError
from qiaoban_guards.risk.remote.base import PendingVerdict, RemoteGuard
from qiaoban_guards.risk.remote.combine import Beside, Mode, Outcome, combine
from qiaoban_guards.risk.remote.companion import RiskGuard
from qiaoban_guards.risk.remote.judge import Judge
from qiaoban_guards.risk.remote.llama_guard import LlamaGuard
from qiaoban_guards.risk.remote.nemoguard import NemoGuard
from qiaoban_guards.risk.remote.openai_moderation import OpenAIModeration
from qiaoban_guards.risk.remote.qwen3guard import Qwen3Guard
from qiaoban_guards.risk.remote.server import Question, Server
from qiaoban_guards.risk.remote.shieldgemma import ShieldGemma
from qiaoban_guards.risk.remote.shieldlm import ShieldLM
from qiaoban_guards.risk.remote.tables import Entry, Table
from qiaoban_guards.risk.remote.verdict import Reading, Severity, Verdict

__all__ = [
    "Beside",
    "Entry",
    "Judge",
    "LlamaGuard",
    "Mode",
    "NemoGuard",
    "NoVerdictError",
    "OpenAIModeration",
    "Outcome",
    "PendingVerdict",
    "Question",
    "Qwen3Guard",
    "Reading",
    "RemoteGuard",
    "RiskGuard",
    "Server",
    "Severity",
    "ShieldGemma",
    "ShieldLM",
    "Table",
    "Verdict",
    "combine",
]
