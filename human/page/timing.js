// The clock of a problem, in words. The server keeps it; this only counts on from what was told last.

import { el, put } from "./dom.js";
import { words } from "./words.js";

/** Seconds left at which it is read aloud. */
const WARNINGS = [30, 10];

export class Clock {
  /** @param {(seconds: number) => void} warn */
  constructor(warn) {
    this.warn = warn;
    this.element = el("p", { class: "clock", hidden: true });
    /** @type {{ spent: number, limit: number | null, running: boolean } | null} */
    this.time = null;
    this.since = 0;
    /** When the connection was lost: until the next time is told, nobody knows how it goes on. @type {number | undefined} */
    this.lost = undefined;
    this.before = Infinity;
    /** @type {number | undefined} */
    this.timer = undefined;
  }

  /** @param {any} time */
  set(time) {
    if (time === this.time) return;
    this.time = time;
    this.since = performance.now();
    this.lost = undefined;
    this.before = Math.max(this.before, this.left());
    this.element.hidden = this.left() === Infinity;
    this.#tick();
  }

  left() {
    const { time } = this;
    if (!time || time.limit === null || time.limit === undefined) return Infinity;
    return time.limit - time.spent - (time.running ? ((this.lost ?? performance.now()) - this.since) / 1000 : 0);
  }

  /** The connection is lost: the server's clock stands, and so does this, until the server tells the time again. */
  halt() {
    this.lost ??= performance.now();
    window.clearTimeout(this.timer);
  }

  stop() {
    window.clearTimeout(this.timer);
    this.element.hidden = true;
    this.time = null;
  }

  #tick() {
    window.clearTimeout(this.timer);
    const left = this.left();
    if (left === Infinity) return;
    put(this.element, words.left(left));
    for (const at of WARNINGS) if (left <= at && this.before > at && left > 0) this.warn(left);
    this.before = left;
    if (this.time?.running && left > 0) this.timer = window.setTimeout(() => this.#tick(), 1000);
  }
}
