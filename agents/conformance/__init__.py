"""The conformance kit: may the Arena rely on an agent? docs/CONFORMANCE.md says what is checked.

``check_agent(agent)`` gives a report; ``assert_conforms(agent)`` raises, for tests; and
``python -m agents.conformance ADDRESS`` prints a table.
"""

from agents.conformance.report import ConformanceError, Report, Result
from agents.conformance.runner import assert_conforms, check_agent

__all__ = ["ConformanceError", "Report", "Result", "assert_conforms", "check_agent"]
