"""QiaoBan Agent: an emotion-coaching companion for children that is safe to embed.

from qiaoban_agent import Companion
"""

from qiaoban_agent.coaching.emotion import Emotion
from qiaoban_agent.coaching.tracker import Stage
from qiaoban_agent.companion import Companion
from qiaoban_agent.errors import QiaobanError
from qiaoban_agent.reply import Reply
from qiaoban_guards.policy import Policy, load_policy
from qiaoban_guards.risk import Category, Finding, RiskLevel

__all__ = [
    "Category",
    "Companion",
    "Emotion",
    "Finding",
    "Policy",
    "QiaobanError",
    "Reply",
    "RiskLevel",
    "Stage",
    "load_policy",
]
__version__ = "0.1.0"
