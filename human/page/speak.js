// What is read aloud: in groups, never word by word, and with the name of who wrote it.

import { el } from "./dom.js";
import { inline } from "./plain.js";

/** @typedef {"words" | "sentences" | "turns"} Mode */

const EVERY = 3000;
const MOST = 600;
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
    if (this.timer === undefined && this.mode() !== "turns") {
      this.timer = window.setTimeout(() => this.#some(), Math.max(EVERY - (performance.now() - this.spoke), EVERY / 3));
    }
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
    this.flush();
  }

  /** What was said is not to be found any more either. */
  hush() {
    this.drop();
    this.polite.replaceChildren();
    this.urgent.replaceChildren();
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

  #some() {
    this.timer = undefined;
    let end = this.waiting.length;
    if (this.mode() === "sentences" && end < MOST) end = SENTENCE.exec(this.waiting)?.[0].length ?? 0;
    this.#utter(end);
    if (this.waiting) this.timer = window.setTimeout(() => this.#some(), EVERY);
  }

  /** @param {number} end */
  #utter(end) {
    const text = inline(this.waiting.slice(0, end).slice(-MOST));
    this.waiting = this.waiting.slice(end);
    if (!text) return;
    this.#add(this.polite, this.named === this.who ? text : `${this.who}: ${text}`);
    this.named = this.who;
    this.spoke = performance.now();
  }

  /** The last few stay, so that nothing is cut off while it is read. @param {HTMLElement} region @param {string} text */
  #add(region, text) {
    region.append(el("p", { dir: "auto" }, text));
    while (region.childElementCount > 3) region.firstElementChild?.remove();
  }
}
