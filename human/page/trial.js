// A problem: its question, the shared solution, the person's box, the clock.

import { busy, button, el, fresh, put } from "./dom.js";
import { entry, visible } from "./plain.js";
import { Solution } from "./solution.js";
import { paused } from "./state.js";
import { Clock } from "./timing.js";
import { Turn } from "./turn.js";
import { words } from "./words.js";

/**
 * @typedef {import("./link.js").Message} Message
 * @typedef {import("./state.js").State} State
 */

/** @param {[number, string][]} turns */
const joined = (turns) => turns.map(([, text]) => text).join("");

export class Trial {
  /** @param {State} state @param {import("./turn.js").Means} means */
  constructor(state, means) {
    const problem = /** @type {Message} */ (state.problem);
    this.id = problem.id;
    this.means = means;
    this.names = problem.authors.map(visible);
    this.canExtend = state.canExtend;
    /** @type {[number, string][]} */
    this.turns = [];
    this.begun = false;
    const [question, solution] = ["question", "solution"].map(fresh);
    this.heading = el("h1", { tabindex: -1 }, words.problem(problem.number, problem.of));
    this.solution = new Solution(problem.authors, solution);
    this.turn = new Turn(means, problem.id);
    this.clock = new Clock((seconds) => means.speaker.say(words.leftAloud(seconds, this.canExtend)));
    this.extend = button(words.extend, () => this.#clockwork("extend"), { hidden: true });
    this.pause = button(words.pause, () => this.#clockwork("pause"), { hidden: true });
    this.overHeading = el("h2", { tabindex: -1 }, words.over);
    this.overWhy = el("p", { class: "soft" });
    this.grade = el("p", { dir: "auto" });
    this.over = el("section", { class: "over", hidden: true }, this.overHeading, this.overWhy, this.grade);
    this.open = el(
      "div",
      {},
      el("h2", { id: question, class: "unseen" }, words.question),
      el("p", { class: "question", dir: "auto" }, visible(problem.question)),
      el("h2", { id: solution }, words.solution),
      this.solution.element,
      this.turn.element,
      this.over,
    );
    this.resume = button(words.resume, () => means.post({ type: "resume" }), { class: "main" });
    this.pausedWhy = el("p", { dir: "auto" });
    this.shut = el(
      "section",
      { class: "paused", hidden: true },
      el("h2", {}, words.paused),
      this.pausedWhy,
      this.resume,
    );
    const time = el("div", { class: "time" }, this.clock.element, this.extend, this.pause);
    this.element = el("div", {}, el("div", { class: "top" }, this.heading, time), this.open, this.shut);
  }

  /** @param {State} state @param {Message | null} message  what has just come */
  update(state, message) {
    if (message?.type === "said" || message?.type === "whole") this.#told(state, message);
    else {
      if (message?.type === "notice" || message?.type === "refused") this.turn.notice(message.text);
      this.#time(state);
      this.turn.update(state, message);
      if (message?.type === "ask" || message?.type === "over" || message?.type === "writing")
        this.means.speaker.flush();
      if (message?.type === "ask") this.#asked();
      if (message?.type === "writing" && message.author !== 0) this.means.speaker.say(words.writes(this.turn.name));
      this.solution.unsent(state.pen?.type === "ask" ? state.pen.draft : "");
      this.#over(state, message);
    }
    this.begun = state.begun;
  }

  /** @param {State} state @param {Message} message */
  #told(state, message) {
    const before = this.turns;
    this.turns = state.turns;
    if (message.type === "said" && this.begun) {
      this.solution.said(message.author, message.text);
      if (message.author !== 0) this.means.speaker.wrote(this.names[message.author] ?? "", message.text);
      return;
    }
    this.solution.unsent("");
    this.solution.whole(state.turns);
    const old = joined(before);
    if (joined(state.turns).startsWith(old)) {
      let passed = 0;
      for (const [author, text] of state.turns) {
        const more = text.slice(Math.max(0, old.length - passed));
        if (more && author !== 0) this.means.speaker.wrote(this.names[author] ?? "", more);
        passed += text.length;
      }
    } else this.means.speaker.drop();
    if (message.type === "whole") this.turn.told(state.turns.at(-1)?.[0] === 0);
  }

  /** Focus goes to the box, but never away from a control that somebody is at. */
  #asked() {
    const { box, ask } = this.turn;
    const there = document.activeElement === box;
    if (!busy()) box.focus();
    if (ask && (there || document.activeElement !== box))
      this.means.speaker.say(`${words.yourTurn} ${words.asked(ask)}`);
  }

  /** @param {string} type */
  #clockwork(type) {
    this.means.post({ type });
    if (!this.means.online()) this.turn.notice(words.waits);
  }

  /** @param {State} state */
  #time(state) {
    const { time } = state;
    const still = paused(state);
    const over = state.pen?.type === "over";
    if (over) this.clock.stop();
    else this.clock.set(time);
    this.pause.hidden = !time || still || over;
    this.extend.hidden = !state.canExtend || this.clock.left() === Infinity || still || over;
    if (still === !this.shut.hidden) return;
    put(this.pausedWhy, time?.why ? visible(time.why) : words.pausedWhy);
    this.shut.hidden = !still;
    this.open.hidden = still;
    if (still) {
      this.resume.focus();
      this.means.speaker.hold();
      this.means.speaker.say(`${words.paused}. ${this.pausedWhy.textContent}`);
    } else {
      this.means.speaker.release();
      this.turn.box.focus();
    }
  }

  /** @param {State} state @param {Message | null} message */
  #over(state, message) {
    const over = state.pen?.type === "over" ? state.pen : null;
    this.over.hidden = !over;
    this.turn.element.hidden = over !== null;
    if (!over) return;
    put(this.overWhy, entry(words.ended, over.ended) ?? "");
    put(this.grade, state.graded ? visible(words.graded(state.graded)) : "");
    this.grade.hidden = !state.graded;
    if (message?.type === "over") this.overHeading.focus();
    if (message?.type === "graded") this.means.speaker.say(this.grade.textContent);
  }

  /** @param {import("./link.js").Standing} standing */
  connection(standing) {
    if (standing === "lost") this.clock.halt();
    this.turn.refresh();
  }

  /** What was said of the end, to be read on the next screen: it may come at once. */
  notices() {
    return [...this.turn.notices.children].map((one) => one.textContent ?? "");
  }

  /** Nothing goes on here any more. */
  close() {
    this.clock.stop();
    this.turn.store();
  }
}
