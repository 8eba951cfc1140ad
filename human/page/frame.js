// What stands round every screen: the study's title, the connection, letters, settings and the ways out.

import { button, el, fresh, put, shown } from "./dom.js";
import { keep, kept } from "./keep.js";
import { visible } from "./plain.js";
import { words } from "./words.js";

/** @typedef {import("./speak.js").Mode} Mode */

/** @returns {Mode} */
export function spokenMode() {
  const mode = kept("aloud");
  return mode in words.aloudModes ? mode : "words";
}

/** Where somebody works, nothing moves when something comes or goes above. @param {() => void} change */
function steady(change) {
  const at = document.activeElement ?? document.body;
  const before = at.getBoundingClientRect().top;
  change();
  if (at !== document.body && at.isConnected) window.scrollBy(0, at.getBoundingClientRect().top - before);
}

export class Frame {
  /**
   * @param {object} acts
   * @param {() => void} acts.tryNow
   * @param {() => void} acts.leave
   * @param {() => void} acts.withdraw
   * @param {import("./speak.js").Speaker} speaker
   */
  constructor({ tryNow, leave, withdraw }, speaker) {
    this.speaker = speaker;
    /** Letters so far, and how many of them were told since the last welcome. @type {string[]} */
    this.read = [];
    this.told = 0;
    this.title = el("p", { class: "title", dir: "auto" });
    this.banner = el("p", {});
    this.lost = el(
      "section",
      { class: "banner", "aria-label": words.connection, hidden: true },
      this.banner,
      button(words.tryNow, tryNow),
    );
    this.letters = el("div", {});
    this.main = el("main", { id: "main" });
    this.withdraw = button(words.withdraw, () => this.sure.showModal(), { hidden: true });
    this.sure = this.#sure(withdraw);
    this.footer = el(
      "footer",
      { hidden: true },
      el(
        "details",
        {},
        el("summary", {}, words.settings),
        this.#modes(),
        el("div", { class: "buttons" }, button(words.leave, leave), this.withdraw),
      ),
    );
    document.documentElement.lang = words.language;
    document.body.replaceChildren(
      el("header", {}, this.title),
      el("div", { class: "notes" }, this.lost, this.letters),
      this.main,
      this.footer,
      this.sure,
      speaker.polite,
      speaker.urgent,
    );
  }

  /** @param {import("./state.js").State} state */
  update(state) {
    put(this.title, visible(state.title));
    this.withdraw.hidden = !state.canWithdraw;
    this.footer.hidden = state.screen === "wait" || state.screen === "bye" || Boolean(state.page?.last);
    const heading = this.main.querySelector("h1")?.textContent ?? "";
    document.title = [heading, visible(state.title)].filter(Boolean).join(" · ") || words.opening;
  }

  /** @param {import("./link.js").Standing} standing @param {number} seconds @param {boolean} joined */
  connection(standing, seconds, joined) {
    if (standing === "lost") {
      if (this.lost.hidden) this.speaker.say(words.lostAloud);
      put(this.banner, words.lost(seconds));
    } else if (standing === "joining") put(this.banner, words.trying);
    else if (standing === "on" && !this.lost.hidden && joined) this.speaker.say(words.back);
    const hide = standing === "on" || standing === "stopped" || (standing === "joining" && this.lost.hidden);
    if (hide && this.lost.contains(document.activeElement)) this.main.querySelector("h1")?.focus();
    if (this.lost.hidden !== hide) steady(() => (this.lost.hidden = hide));
  }

  /** All letters may be told again after this. */
  joined() {
    this.told = 0;
  }

  /** A message of the researchers stays until it is closed, and takes nobody away from what they do. @param {string} text */
  letter(text) {
    this.told += 1;
    if (this.read[this.told - 1] === text) return;
    this.read.push(text);
    this.told = this.read.length;
    const heading = fresh("letter");
    const letter = el(
      "section",
      { class: "letter", "aria-labelledby": heading },
      el("h2", { id: heading }, words.letter),
      el("p", { class: "text", dir: "auto" }, visible(text)),
      button(words.close, () => {
        steady(() => letter.remove());
        const box = this.main.querySelector("textarea");
        (box && shown(box) ? box : this.main.querySelector("h1"))?.focus();
      }),
    );
    steady(() => this.letters.append(letter));
    this.speaker.alert(`${words.letter}: ${visible(text)}`);
  }

  #modes() {
    const id = fresh("aloud");
    const mode = spokenMode();
    const select = el(
      "select",
      { id, onchange: () => keep("aloud", select.value) },
      ...Object.entries(words.aloudModes).map(([value, text]) =>
        el("option", { value, selected: value === mode }, text),
      ),
    );
    return el("p", {}, el("label", { for: id }, words.aloud), select);
  }

  /** @param {() => void} withdraw */
  #sure(withdraw) {
    const asks = fresh("sure");
    const yes = button(words.withdrawYes, () => {
      dialog.close();
      withdraw();
    });
    const no = button(words.withdrawNo, () => dialog.close(), { class: "main" });
    const dialog = el(
      "dialog",
      { "aria-labelledby": asks },
      el("p", { id: asks }, words.withdrawSure),
      el("div", { class: "buttons" }, no, yes),
    );
    return dialog;
  }
}
