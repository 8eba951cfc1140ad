// What is read aloud: in groups, never word by word, and with the name of who wrote it.

import { el } from "./dom.js";
import { inline } from "./plain.js";

/** @typedef {"words" | "sentences" | "turns"} Mode */

const EVERY = 3000;
/** Characters that are said at once: more come in several pieces, none of it is left out. */
const MOST = 600;
/** All of it, or up to the end of a word or phrase (not all scripts have spaces), or else as much as there may be. */
const PIECES = new RegExp(
  `[^]{1,${MOST}}$|[^]{${MOST / 2},${MOST}}(?:(?=\\s)|(?<=[。！？，、；：]))|[^]{1,${MOST}}(?!\\p{M})|[^]{1,${MOST}}`,
  "gu",
);
/** Milliseconds that what was said stays at least: a screen reader may take its time to come to it. */
const STAYS = 20_000;
const SENTENCE = /^[^]*(?:[.!?。！？؟।…]["'”’)\]]*(?=\s)|\n)/u;

export class Speaker {
  /** @param {() => Mode} mode */
  constructor(mode) {
    this.mode = mode;
    this.polite = el("div", { class: "unseen", "aria-live": "polite", id: "said" });
    this.urgent = el("div", { class: "unseen", "aria-live": "assertive", id: "urgent" });
    this.waiting = "";
    this.who = "";
    this.named = "";
    this.spoke = 0;
    /** Nothing of the solution is to be heard now; what waits is kept. */
    this.held = false;
    /** What was due meanwhile. @type {string[]} */
    this.due = [];
    /** When what was said last was said. @type {WeakMap<Element, number>} */
    this.since = new WeakMap();
    /** @type {number | undefined} */
    this.timer = undefined;
  }

  /** Somebody wrote this: it is said together with what comes soon after. @param {string} who @param {string} text */
  wrote(who, text) {
    if (who !== this.who) {
      this.flush();
      this.who = who;
    }
    this.waiting += text;
    this.#soon();
  }

  /** Says all that waits: the turn is over. */
  flush() {
    window.clearTimeout(this.timer);
    this.timer = undefined;
    this.#utter(this.waiting.length);
    this.named = "";
  }

  /** Drops what waits: it is gone from the solution, or another problem has begun. */
  drop() {
    this.waiting = "";
    this.due = [];
    this.flush();
  }

  /** What was said is not to be found any more, and nothing further is, until `release`. */
  hold() {
    this.held = true;
    window.clearTimeout(this.timer);
    this.timer = undefined;
    this.#clear();
  }

  /** What waits is said now. */
  release() {
    if (!this.held) return;
    this.held = false;
    for (const text of this.due.splice(0)) this.#add(this.polite, text);
    this.#soon();
  }

  /** What was said is not to be found any more either. */
  hush() {
    this.held = false;
    this.drop();
    this.#clear();
  }

  /** @param {string} text */
  say(text) {
    this.#add(this.polite, text);
    this.named = "";
  }

  /** @param {string} text */
  alert(text) {
    this.#add(this.urgent, text);
  }

  #clear() {
    this.polite.replaceChildren();
    this.urgent.replaceChildren();
  }

  #soon() {
    if (this.held || !this.waiting || this.timer !== undefined || this.mode() === "turns") return;
    this.timer = window.setTimeout(() => this.#some(), Math.max(EVERY - (performance.now() - this.spoke), EVERY / 3));
  }

  #some() {
    this.timer = undefined;
    let end = this.waiting.length;
    if (this.mode() === "sentences") {
      end = SENTENCE.exec(this.waiting)?.[0].length ?? 0;
      if (!end && this.waiting.length >= MOST) end = Math.max(0, this.waiting.search(/\s\S*$/)) || this.waiting.length;
    }
    this.#utter(end);
    if (this.waiting) this.timer = window.setTimeout(() => this.#some(), EVERY);
  }

  /** @param {number} end */
  #utter(end) {
    const text = inline(this.waiting.slice(0, end));
    this.waiting = this.waiting.slice(end);
    if (!text) return;
    for (const piece of (this.named === this.who ? text : `${this.who}: ${text}`).match(PIECES) ?? []) {
      if (this.held) this.due.push(piece.trim());
      else this.#add(this.polite, piece.trim());
    }
    this.named = this.who;
    this.spoke = performance.now();
  }

  /** The last few stay, so that nothing is cut off while it is read. @param {HTMLElement} region @param {string} text */
  #add(region, text) {
    const now = performance.now();
    const added = el("p", { dir: "auto" }, text);
    this.since.set(added, now);
    region.append(added);
    while (region.childElementCount > 3) {
      const first = /** @type {Element} */ (region.firstElementChild);
      if (now - (this.since.get(first) ?? 0) < STAYS) return;
      first.remove();
    }
  }
}
