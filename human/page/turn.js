// The person's side of a problem: the box, what is asked for, and what can be done with what was typed.

import { button, el, fresh, put, shown, usable } from "./dom.js";
import { keep, kept } from "./keep.js";
import { TEXT } from "./link.js";
import { characters, entry, visible } from "./plain.js";
import { words } from "./words.js";

const PAUSE = 250;
/** Units of which white space alone can be one. */
const SPACES = ["token", "spaced-token"];

/**
 * @typedef {import("./link.js").Message} Message
 * @typedef {import("./state.js").State} State
 * @typedef {object} Means
 * @property {(message: Message) => boolean} post
 * @property {(message: Message) => void} tell
 * @property {(turn: number) => boolean} pending
 * @property {() => boolean} online
 * @property {import("./speak.js").Speaker} speaker
 */

/** @param {string} text @param {string} typed  what was typed since */
const before = (text, typed) => (text && typed ? `${text} ${typed}` : text || typed);

export class Turn {
  /** @param {Means} means @param {string} problem */
  constructor(means, problem) {
    this.means = means;
    this.problem = problem;
    /** @type {Message | null} */
    this.ask = null;
    this.name = "";
    /** What was sent last, until it is known what became of it. @type {{ turn: number, type: string, text: string, draft: string } | null} */
    this.sent = null;
    /** The turn that was acted in last: what comes of it is not known yet. */
    this.used = 0;
    /** An input method composes: what is set in the box meanwhile ends it, and no event would say so. */
    this.composing = false;
    /** Text that is to stand in the box again as soon as nothing composes. */
    this.held = "";
    this.tries = 0;
    /** @type {number | undefined} */
    this.timer = undefined;

    const [box, status, detail, hint, keys] = ["box", "status", "detail", "hint", "keys"].map(fresh);
    this.status = el("p", { id: status, class: "status" });
    this.detail = el("p", { id: detail, class: "soft" });
    this.hint = el("p", { id: hint, class: "hint" });
    this.notices = el("div", { class: "notices" });
    this.box = el("textarea", {
      id: box,
      rows: 4,
      dir: "auto",
      maxlength: TEXT,
      autocomplete: "off",
      spellcheck: "false",
      "aria-describedby": `${status} ${detail} ${hint}`,
      oninput: (/** @type {InputEvent} */ event) => {
        if (event.isComposing) this.#typed();
        else this.#composed(); // some input methods end without saying so
      },
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
      oncompositionstart: () => (this.composing = true),
      oncompositionend: () => this.#composed(),
      onblur: () => this.composing && this.#composed(),
    });
    this.send = button(words.send, () => this.#act("write"), { class: "main", "aria-describedby": keys });
    this.finish = button(words.finish, () => this.#act("end"));
    this.give = button(words.give, () => this.#act("give"), { hidden: true });
    this.undo = button(words.undo, () => this.#act("undo"), { hidden: true });
    this.take = button(words.take, () => this.#take(), { class: "main", hidden: true });
    this.element = el(
      "div",
      { class: "work" },
      el("div", { class: "saying" }, this.status, this.take),
      el("label", { for: box }, words.yours),
      this.box,
      this.hint,
      this.notices,
      el("div", { class: "buttons" }, this.send, this.undo, this.give, this.finish),
      this.detail,
      el("p", { class: "soft keys", id: keys }, words.keys),
    );
    const draft = kept("draft");
    if (draft?.problem === problem) this.box.value = draft.text;
    this.store = () => {
      const text = before(this.held, this.box.value);
      keep("draft", text ? { problem, text } : null);
    };
  }

  /** @param {State} state @param {Message | null} message  what has just come */
  update(state, message) {
    const { pen } = state;
    this.ask = pen?.type === "ask" ? pen : null;
    this.name = pen?.type === "writing" ? visible(state.problem?.authors[pen.author] ?? "") : "";
    if (message?.type === "ask") this.#asked(message);
    if (message?.type === "fits") this.#fits(message);
    if (message?.type === "writing") usable(this.take, true);
    const focused = document.activeElement;
    this.give.hidden = !this.ask?.on_demand;
    this.undo.hidden = !this.ask?.goes_on;
    this.take.hidden = pen?.type !== "writing" || !pen.may_take;
    if (focused instanceof HTMLButtonElement && focused.hidden && this.element.contains(focused)) this.box.focus();
    this.refresh();
  }

  /** What hangs on the connection and on what was sent. */
  refresh() {
    const { ask } = this;
    const waits = this.#waits();
    if (!ask) {
      put(this.status, this.name ? words.writes(this.name) : words.between);
      put(this.detail, words.ahead);
    } else {
      put(
        this.status,
        waits ? (this.means.online() ? words.sending : words.waits) : `${words.yourTurn} ${words.asked(ask)}`,
      );
      put(this.detail, words.wordsLeft(ask.words_left));
    }
    this.element.classList.toggle("now", ask !== null && !waits);
    for (const one of [this.finish, this.give, this.undo]) usable(one, ask !== null && !waits);
    usable(this.send, ask !== null && !waits && !ask.stuck);
    if (!ask) put(this.hint, this.box.value.length >= TEXT ? words.full : "");
  }

  /** Text that was not taken stands in the box again, before what was typed since. @param {string} text */
  restore(text) {
    if (this.composing) this.held = before(text, this.held);
    else this.box.value = before(text, this.box.value);
    this.#typed();
  }

  /** @param {string} text @param {boolean} aloud */
  notice(text, aloud = true) {
    this.notices.append(el("p", { dir: "auto" }, visible(text)));
    while (this.notices.childElementCount > 3) this.notices.firstElementChild.remove();
    if (aloud) this.means.speaker.say(visible(text));
  }

  /** Something that was posted is done, or refused. @param {Message} message @param {Message | null} why */
  settled(message, why) {
    if (!why && message.turn) this.used = message.turn;
    if (why) {
      if (message.turn === this.sent?.turn) this.sent = null;
      if (message.text) this.restore(message.text);
      if (message.type === "pen") usable(this.take, true);
      if (message.type !== "note") this.notice((message.text && entry(words.unread, why.name)) || why.text);
    }
    this.refresh();
  }

  /** The solution was told anew, so the turn is over. @param {boolean} own  and its last words are the person's */
  told(own) {
    if (this.sent && own) this.means.speaker.say(words.sent);
    this.sent = null;
  }

  /** Was this turn acted in, and no other asked for since? */
  #waits() {
    return this.ask !== null && (this.used === this.ask.turn || this.means.pending(this.ask.turn));
  }

  /** @param {Message} ask */
  #asked(ask) {
    const { sent } = this;
    this.used = 0;
    if (sent && sent.turn !== ask.turn) {
      this.sent = null;
      if (sent.type === "undo" && sent.draft.startsWith(ask.draft) && sent.draft !== ask.draft) {
        this.restore(sent.draft.slice(ask.draft.length).trim());
        this.notice(words.undone);
      } else if (sent.text && sent.draft === ask.draft) {
        this.restore(sent.text);
        this.notice(words.returned);
      }
    }
    this.#tryLater();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    if (event.keyCode === 229) return; // the input method's own
    event.preventDefault();
    this.composing ||= event.isComposing;
    if (!event.repeat) this.#act("write");
  }

  /** @param {"write" | "end" | "give" | "undo"} type */
  #act(type) {
    const { ask } = this;
    const text = type === "undo" ? "" : this.box.value;
    const why = this.composing ? words.composing : this.#whyNot(type, text);
    if (why) {
      this.notice(why);
      return;
    }
    if (!ask) return;
    const message = { type, turn: ask.turn, ...(type === "undo" ? {} : { text }) };
    this.notices.replaceChildren();
    this.sent = { turn: ask.turn, type, text, draft: ask.draft };
    if (type !== "undo") this.box.value = "";
    if (!this.means.post(message)) {
      this.sent = null;
      if (text) this.box.value = text;
      this.notice(words.tooLarge);
    }
    if (!this.means.online()) this.means.speaker.say(words.waits);
    this.store();
    put(this.hint, "");
    this.refresh();
    if (shown(this.box)) this.box.focus();
  }

  /** @param {string} type @param {string} text */
  #whyNot(type, text) {
    const { ask } = this;
    if (!ask) return words.notYet;
    if (this.#waits()) return words.onItsWay;
    if (characters(text) > TEXT) return words.tooLong(characters(text));
    if (type !== "write") return "";
    if (ask.stuck) return words.stuck;
    return !text || (!SPACES.includes(ask.unit) && !/[^ \t]/.test(text)) ? words.nothingTyped : "";
  }

  #take() {
    if (this.take.getAttribute("aria-disabled")) return;
    this.means.post({ type: "pen" });
    usable(this.take, false);
    this.notices.replaceChildren();
    this.notice(this.means.online() ? words.taken : words.waits);
  }

  /** Nothing is done between a key and its letter on the screen. */
  #typed() {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.store();
      this.#try();
    }, PAUSE);
  }

  /** Nothing composes any more. */
  #composed() {
    const { held } = this;
    this.composing = false;
    this.held = "";
    if (held) this.restore(held);
    else this.#typed();
  }

  #tryLater() {
    if (this.box.value) this.#typed();
  }

  #try() {
    if (!this.ask || this.composing || this.#waits()) return;
    this.tries += 1;
    if (this.box.value.length >= TEXT) put(this.hint, words.full);
    else this.means.tell({ type: "try", number: this.tries, text: this.box.value });
  }

  /** @param {Message} fits */
  #fits(fits) {
    if (fits.number !== this.tries || !this.ask) return;
    const before = this.hint.textContent;
    const text =
      fits.all || !this.box.value
        ? ""
        : fits.why
          ? words.fitsNot(visible(fits.why))
          : words.fitsPart(visible(fits.kept));
    put(this.hint, text);
    if (text && !before) this.means.speaker.say(words.fitsPartAloud);
  }
}
