"""What can sit in a seat: the contract between agents and the Arena, units, coins, distributions, and the agents."""

from agents.contract import Agent, AgentError, Seat, Span, Turn, View

__all__ = ["Agent", "AgentError", "Seat", "Span", "Turn", "View"]
