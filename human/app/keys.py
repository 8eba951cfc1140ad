"""The keys of the app. Each has one that every terminal sends, also through ssh and tmux."""

from __future__ import annotations

from rich.text import Text

from human.keys import Key

SEND = ("enter", "ctrl+j", "ctrl+enter")
"""Most terminals send the same for enter and ctrl+enter; those that do not send the last."""
BREAK = ("ctrl+n", "shift+enter", "alt+enter")
"""The first is sent by every terminal; of the others many send no more than enter."""
END, GIVE, TAKE = "F2", "F3", "F4"

KEYS = (
    Key("f2,ctrl+s", END, "end", "Finish the solution", "sends what is typed, and ends (or ctrl+s)", "Finish"),
    Key("f3,ctrl+o", GIVE, "give", "Hand back", "gives the pen to the partner, over to it (or ctrl+o)", "Hand back"),
    Key("f4,ctrl+t", TAKE, "take", "Take over", "asks for the pen while the partner writes (or ctrl+t)", "Take over"),
    Key("f6", "F6", "undo", "Take back", "the last text of a turn that is not over (or ctrl+z)", "Take back"),
    Key("f5,ctrl+r", "F5", "pause", "Pause", "the clock stands still and the text is hidden (or ctrl+r)", "Pause"),
    Key("f8,ctrl+l", "F8", "light", "Light or dark", "(or ctrl+l)"),
    Key("f1,ctrl+g", "F1", "help", "Help", "this page (or ctrl+g)", "Help"),
    Key("f10,ctrl+q", "F10", "leave", "Quit", "what is done is kept (or ctrl+q)", "Quit"),
)
"""In the order in which the help and the palette show them."""

_AROUND = (
    ("enter", "sends what is typed (or ctrl+j)"),
    ("ctrl+n", "writes a line break (or shift+enter, where the terminal tells it from enter)"),
    ("page up, page down", "scroll the solution"),
    ("tab, shift+tab", "to the next part of the screen, to the one before"),
    ("ctrl+p", "all commands by name"),
)
_WORDS = (
    "You and a partner write one solution. Who writes next is decided by the rule of this run: a word each, a sentence "
    "each, by chance, or whoever takes the pen. The line above your input says whose turn it is and how much you may "
    "write.",
    "What you type is joined to the text by a space; #### begins a line, where the answer goes. Below the input stands "
    "what of it would be taken. Nothing is sent before you send it, also what you typed before your turn.",
    "Each author has a sign and a colour; the sign stands where a turn begins. Underlined is what you sent in a turn "
    "that is not over, which you can take back.",
    "The clock counts while a problem is open. When you pause, it stands, nothing moves, and the text is hidden.",
)


def help_text() -> Text:
    out = Text("\n\n".join(_WORDS)).append("\n\n")
    rows = [*_AROUND, *((key.shown, f"{key.title}: {key.help}" if key.help else key.title) for key in KEYS)]
    for shown, said in rows:
        out.append(f"{shown:<20}", "bold").append(f"{said}\n")
    return out.append("\nEscape closes this.", "italic")
