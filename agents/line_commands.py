"""The commands of line mode: a line as an action, and back."""

from __future__ import annotations

from agents.desk import Action, End, Give, Leave, Look, Pen, Slip, Undo, Write
from agents.plain import inline

HELP = (
    "What you type is joined to the text by a space, unless it begins with a closing mark; #### begins a line.",
    "A backslash at the end of a line writes a line break, and your turn goes on.",
    "/end ends the solution. /end TEXT writes TEXT and ends it.",
    "/give gives the pen to the next agent, /give NAME to that one; only where the pen is handed over on demand.",
    "/undo takes back the last line of this turn, as long as the turn is not over.",
    "/newline writes a line break. /text shows the whole text so far. /help shows this.",
    "/quit stops the run, which can be gone on with later; this solution is not kept.",
    "// at the beginning of a line writes a slash.",
)


def action_of(line: str) -> Action:
    """What a line says: text, or a command behind a slash; an empty one asks for the pen."""
    if not line:
        return Pen()
    if not line.startswith("/") or line.startswith("//"):
        return Write(_with_break(line[line.startswith("//") :]))
    command, _, rest = line[1:].partition(" ")
    simple: dict[str, Action] = {
        "quit": Leave(),
        "newline": Write("\n"),
        "undo": Undo(),
        "help": Look("help"),
        "text": Look("text"),
    }
    if command == "end":
        return End(_with_break(rest) if rest.strip() else "")
    if command == "give":
        return Give(rest.strip())
    there = f"there is no /{inline(command)}; /help lists what there is, and // writes a slash"
    return simple.get(command.strip(), Slip(there))


def _with_break(text: str) -> str:
    """A single backslash at the end is a line break."""
    return f"{text[:-1]}\n" if text.endswith("\\") and not text.endswith("\\\\") else text


def line_of(action: Action) -> str:
    """The line that says it."""
    match action:
        case Write("\n"):
            return "/newline"
        case Write(text):
            broken = f"{text[:-1]}\\" if text.endswith("\n") else text
            return f"/{broken}" if broken.startswith("/") else broken
        case End(text):
            return f"/end {text}".rstrip()
        case Give(name):
            return f"/give {name}".rstrip()
        case Look(what):
            return f"/{what}"
        case Undo():
            return "/undo"
        case Leave():
            return "/quit"
        case _:
            return ""
