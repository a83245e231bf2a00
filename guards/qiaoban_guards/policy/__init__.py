"""What may be said to a child, and who is told when the child is in danger: one YAML file."""

from qiaoban_guards.policy.load import load_policy, open_policy, parse_policy, shipped_policies
from qiaoban_guards.policy.schema import Helpline, Policy, Response

__all__ = [
    "Helpline",
    "Policy",
    "Response",
    "load_policy",
    "open_policy",
    "parse_policy",
    "shipped_policies",
]
