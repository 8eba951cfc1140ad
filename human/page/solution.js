// The shared text: every author's words with a name, a mark and a colour, in one flow.

import { el } from "./dom.js";
import { visible } from "./plain.js";
import { words } from "./words.js";

const MARKS = ["●", "■", "▲", "◆", "▼"];

export class Solution {
  /** @param {string[]} names  as they are shown; the person's own first @param {string} labelledby */
  constructor(names, labelledby) {
    this.names = names.map(visible);
    /** @type {{ author: number, text: string, element: HTMLElement }[]} */
    this.turns = [];
    this.empty = el("p", { class: "soft" }, words.empty);
    this.flow = el("p", { class: "flow" });
    this.draft = el("span", { class: "turn author-0 unsent" });
    this.element = el(
      "div",
      { class: "solution", role: "region", tabindex: 0, "aria-labelledby": labelledby },
      this.empty,
      this.flow,
    );
    /** The end is in sight, and stays so. */
    this.follow = true;
    this.asked = false;
    this.element.addEventListener("scroll", () => {
      const { scrollHeight, scrollTop, clientHeight } = this.element;
      this.follow = scrollHeight - scrollTop - clientHeight < 32;
    });
  }

  /** @param {number} author @param {string} text */
  said(author, text) {
    const last = this.turns.at(-1);
    if (last?.author === author) {
      last.text += text;
      last.element.append(visible(text));
    } else this.#begin(author, text);
    this.#changed();
  }

  /** The whole text, in place of what is shown. What stays the same is not touched. @param {[number, string][]} turns */
  whole(turns) {
    let same = 0;
    while (same < turns.length && same < this.turns.length && this.#same(turns[same], this.turns[same])) same += 1;
    const grown = this.turns[same];
    if (
      grown &&
      same === this.turns.length - 1 &&
      grown.author === turns[same]?.[0] &&
      turns[same][1].startsWith(grown.text)
    ) {
      const [author, text] = turns[same];
      this.said(author, text.slice(grown.text.length));
      same += 1;
    }
    for (const { element } of this.turns.splice(same)) element.remove();
    for (const [author, text] of turns.slice(same)) this.#begin(author, text);
    this.#changed();
  }

  /** What the person has typed in this turn, not sent yet. @param {string} text */
  unsent(text) {
    if (!text) this.draft.remove();
    else {
      this.draft.replaceChildren(this.#label(0, words.drafted(this.names[0])), visible(text));
      this.flow.append(this.draft);
    }
    this.#changed();
  }

  /** @param {[number, string]} one @param {{ author: number, text: string }} other */
  #same(one, other) {
    return one[0] === other.author && one[1] === other.text;
  }

  /** @param {number} author @param {string} text */
  #begin(author, text) {
    const element = el(
      "span",
      { class: `turn author-${author % 4}` },
      this.#label(author, this.names[author] ?? ""),
      visible(text),
    );
    this.turns.push({ author, text, element });
    this.flow.insertBefore(element, this.draft.parentNode === this.flow ? this.draft : null);
  }

  /** Isolated: a name decides nothing about the direction of a text. @param {number} author @param {string} name */
  #label(author, name) {
    const mark = el("span", { "aria-hidden": "true" }, `${MARKS[author % MARKS.length]} `);
    return el("bdi", { class: "who" }, mark, `${name}: `);
  }

  #changed() {
    this.empty.hidden = this.turns.length > 0 || this.draft.isConnected;
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      if (this.follow) this.element.scrollTop = this.element.scrollHeight;
    });
  }
}
