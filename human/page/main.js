// The page: messages come in, the state changes, the screen follows.

import { button, busy, el } from "./dom.js";
import { Form } from "./form.js";
import { Frame, spokenMode } from "./frame.js";
import { forget, forgetTyped, heldToken, holdToken, keep, kept, release } from "./keep.js";
import { Link } from "./link.js";
import { entry, visible } from "./plain.js";
import { Speaker } from "./speak.js";
import { fold, nothing } from "./state.js";
import { Trial } from "./trial.js";
import { watch } from "./watch.js";
import { words } from "./words.js";

/** @typedef {import("./link.js").Message} Message */

let state = nothing();
/** @type {Trial | null} */
let trial = null;
/** @type {Form | null} */
let form = null;
/** The page that was answered: if it comes again, it is asked again. */
let answered = "";

const speaker = new Speaker(spokenMode);
const frame = new Frame(
  {
    tryNow: () => link.open(),
    leave: () => post({ type: "leave" }),
    withdraw: () => post({ type: "withdraw" }),
  },
  speaker,
);
const link = new Link({
  url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/socket`,
  hear,
  stands: (standing, seconds) => {
    if (standing === "lost" && state.page?.last) {
      link.stop(); // nothing comes any more
      return;
    }
    frame.connection(standing, seconds, state.screen !== "wait");
    trial?.connection(standing);
  },
  settled,
});
const means = {
  post,
  tell: (/** @type {Message} */ message) => link.tell(message),
  pending: (/** @type {number} */ turn) => link.pending(turn),
  online: () => link.standing === "on",
  speaker,
};

/** @param {Message} message */
function post(message) {
  return link.post(message);
}

/** @param {Message} message */
function hear(message) {
  const before = state;
  const joining = message.type === "refused" && before.screen === "wait";
  state = fold(state, joining ? { type: "bye", name: "refused", text: message.text } : message);
  if (message.type === "welcome") frame.joined();
  if (message.type === "from_researcher") frame.letter(message.text);
  if (state.screen === "bye") bye();
  else if (message.type === "page") page(message);
  else if (message.type === "problem" && trial?.id !== message.id) problem();
  else if (message.type === "notice" && !trial) speaker.say(visible(message.text));
  trial?.update(state, message);
  if (message.type !== "said") frame.update(state);
}

/** @param {...Node} nodes */
function show(...nodes) {
  trial?.close();
  trial = form = null;
  speaker.hush();
  frame.main.replaceChildren(...nodes);
  window.scrollTo(0, 0);
}

/** @param {Message} message */
function page(message) {
  if (form?.page.id === message.id && answered !== message.id) return; // the same, after a reconnection
  answered = "";
  if (kept("form")?.page !== message.id) keep("form", null);
  const carried = trial?.notices() ?? [];
  const shown = new Form(message, post, speaker);
  show(...carried.map((text) => el("p", { class: "carried", dir: "auto" }, text)), shown.element);
  form = shown;
  shown.focus();
  for (const text of carried) speaker.say(text);
  if (!message.last) return;
  forgetTyped();
  shown.element.append(el("div", { class: "buttons apart" }, button(words.forget, forgetHere)));
}

function problem() {
  const shown = new Trial(state, means);
  show(shown.element);
  trial = shown;
  keep("form", null);
  shown.heading.focus();
}

/** What was posted is done, or refused. @param {Message} message @param {Message | null} why */
function settled(message, why) {
  if (message.type === "answer") {
    const shown = form;
    if (!why) answered = message.screen;
    else if (shown && shown.page.id === message.screen) shown.complain(entry(words.unreadAnswers, why.name) ?? why.text);
  } else if (trial) trial.turn.settled(message, why);
  else if (why && message.type !== "note") speaker.say(visible(why.text));
}

/** The connection has ended, and why. */
function bye() {
  const { name, text } = /** @type {Message} */ (state.bye);
  if (name === "replaced") {
    const texts = link.takeBack();
    if (trial && texts.length) trial.turn.restore(texts.join(" "));
  }
  if (name === "withdrawn") forget();
  const heading = el("h1", { tabindex: -1 }, entry(words.byeTitles, name) ?? words.bye);
  const more = entry(words.byes, name);
  const back = entry({ replaced: words.here, left: words.comeBack }, name) ?? words.again;
  const acts = name === "withdrawn" ? [] : [button(back, () => link.open(), { class: "main" })];
  if (link.token && kept("key")) acts.push(button(words.goOn, other));
  show(
    heading,
    el("p", { class: "text", dir: "auto" }, visible(text)),
    ...(more && more !== text ? [el("p", { class: "text" }, more)] : []),
    el("div", { class: "buttons" }, ...acts),
  );
  heading.focus();
}

/** The link failed, but this browser has a session. */
function other() {
  link.token = "";
  holdToken("");
  link.open();
}

function forgetHere() {
  forget();
  const heading = el("h1", { tabindex: -1 }, words.forget);
  link.stop();
  show(heading, el("p", { class: "text" }, words.forgotten));
  heading.focus();
}

function begin() {
  let token = "";
  try {
    token = decodeURIComponent(location.hash.slice(1)).trim().slice(0, 200);
  } catch {
    token = location.hash.slice(1, 201);
  }
  if (location.hash) history.replaceState(null, "", location.pathname);
  token ||= heldToken();
  if (!token && !kept("key")) {
    const heading = el("h1", { tabindex: -1 }, words.noLinkTitle);
    show(heading, el("p", { class: "text" }, words.noLink));
    heading.focus();
    return;
  }
  if (!busy()) show(el("h1", { tabindex: -1 }, words.opening));
  link.start(token);
}

watch(
  () => state.screen === "problem" && link.standing !== "stopped",
  (note) => void post(note),
);
window.addEventListener("pagehide", () => {
  trial?.turn.store();
  release();
});
window.addEventListener("hashchange", () => location.hash.length > 1 && location.reload());
window.addEventListener("pageshow", (event) => event.persisted && link.standing !== "stopped" && link.again());
begin();
