// The dashboard: what the server says of the study, and what is asked of it. Text only: no string is read as markup.

import { el, put } from "/dom.js";

/** @typedef {Record<string, any>} Message */
const NAMES = ["State", "Place", "Problems", "Connected", "Last seen"];
const at = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const MAY = new Set(["invited", "joined"]);

/** @type {WebSocket | null} */
let socket = null;
/** @type {Message | null} */
let view = null;
let number = 0;
let refused = false;
/** @type {(() => void) | null} */
let agreed = null;

// The fragment never leaves this browser; it is taken from the address so that nobody reads it there.
const token = location.hash.slice(1) || sessionStorage.getItem("admin") || "";
sessionStorage.setItem("admin", token);
history.replaceState(null, "", location.pathname);

function open() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/admin`);
  socket.onopen = () => socket?.send(JSON.stringify({ type: "enter", token }));
  socket.onmessage = (event) => hear(JSON.parse(event.data));
  socket.onclose = () => {
    if (refused) return;
    put(at("standing"), "The connection is lost. Trying again.");
    window.setTimeout(open, 2000);
  };
}

/** @param {Message} message */
function hear(message) {
  if (message.type === "overview") show((view = message));
  else if (message.type === "done" && message.link) ask(message.text, "It is shown once: copy it now. Their old link has ended.", { link: message.link });
  else tell(message.text, message.type === "denied");
  if (message.type === "denied" && !view) {
    refused = true;
    put(at("standing"), message.text);
  }
}

/** @param {Message} command */
function send(command) {
  if (socket?.readyState !== WebSocket.OPEN) return tell("There is no connection: nothing was done.", true);
  number += 1;
  socket.send(JSON.stringify({ n: number, ...command }));
}

/** @param {string} text @param {boolean} wrong */
function tell(text, wrong) {
  at("said").hidden = false;
  at("said").classList.toggle("wrong", wrong);
  put(at("said"), text);
}

/**
 * A question before something is done, or a link after it.
 * @param {string} title @param {string} more
 * @param {{ yes?: string, write?: boolean, link?: string, then?: () => void }} how
 */
function ask(title, more, { yes = "", write = false, link = "", then } = {}) {
  put(at("asked"), title);
  put(at("more"), more);
  put(at("yes"), yes);
  put(at("link"), link);
  at("yes").hidden = !yes;
  at("field").hidden = !write;
  at("link").hidden = !link;
  at("text").value = "";
  agreed = then ?? null;
  at("asking").returnValue = "";
  if (!at("asking").open) at("asking").showModal();
}

at("asking").addEventListener("close", () => {
  put(at("link"), "");
  if (at("asking").returnValue === "yes") agreed?.();
});

at("pause").onclick = () => {
  if (view?.paused) return send({ type: "go_on" });
  ask("Pause the study?", "All clocks stand still, and nobody can write until it goes on.", { yes: "Pause it", then: () => send({ type: "pause_study" }) });
};

/** @param {string} person @param {string} kind */
function act(person, kind) {
  if (kind === "tell")
    ask(`Write to ${person}`, "They see it above their problem. It is recorded.", { yes: "Send", write: true, then: () => at("text").value.trim() && send({ type: "tell", person, text: at("text").value.trim() }) });
  else if (kind === "new_link")
    ask(`A new link for ${person}?`, "Their link and their open page end; what they did is kept.", { yes: "Make it", then: () => send({ type: "new_link", person }) });
  else ask(`Revoke ${person}?`, "They cannot go on. What they did is kept, and their slot is given again.", { yes: "Revoke", then: () => send({ type: "revoke", person }) });
}

/** @param {Message} now */
function show(now) {
  document.querySelector("main").hidden = false;
  at("pause").hidden = false;
  put(at("study"), now.study + (now.draft ? " (draft)" : ""));
  document.title = `${now.study}: dashboard`;
  const here = now.people.filter((/** @type {Message} */ one) => one.connected).length;
  put(at("standing"), `${now.paused ? "The study is paused. " : ""}${here} connected.${now.over.length ? ` The study's own rule ends it: ${now.over.join(" ")}` : ""}`);
  put(at("pause"), now.paused ? "Go on" : "Pause the study");
  at("pause").classList.toggle("main", now.paused);
  at("nobody").hidden = now.people.length > 0;
  const states = [["wanted", now.wanted], ["slots taken", now.slots], ...Object.entries(now.states)];
  at("states").replaceChildren(...states.map(([name, count]) => el("div", {}, el("dt", {}, name), el("dd", {}, String(count)))));
  rows(now);
  fill("conditions", now.conditions.map((/** @type {Message} */ one) => [one.letter, one.finished]));
  fill("problems", now.problems.map((/** @type {Message} */ one) => [one.problem, one.count, one.median.toFixed(1), one.longest.toFixed(1)]));
}

/** @param {string} id @param {any[][]} all */
function fill(id, all) {
  at(id).replaceChildren(...all.map(([name, ...rest]) => el("tr", {}, el("th", { scope: "row" }, name), ...rest.map((one) => el("td", {}, String(one))))));
}

/** Rows stay where they are, so that the focus does. @param {Message} now */
function rows(now) {
  const known = new Map([...at("people").children].map((row) => [row.id, row]));
  for (const one of now.people) {
    const id = `row-${one.person}`;
    const row = known.get(id) ?? at("people").appendChild(made(id, one.person));
    known.delete(id);
    const cells = [one.state, one.step || "not begun", `${one.finished} of ${now.trials}`, one.connected ? "yes" : "no", since(one.seen, now.now)];
    NAMES.forEach((_, index) => put(row.children[index + 1], cells[index]));
    const [tells, ...ends] = row.querySelectorAll("button");
    for (const button of ends) button.hidden = !MAY.has(one.state);
    tells.hidden = ["withdrawn", "declined", "revoked"].includes(one.state);
  }
  for (const row of known.values()) row.remove();
}

/** @param {string} id @param {string} person */
function made(id, person) {
  const acts = [["tell", "Write"], ["new_link", "New link"], ["revoke", "Revoke"]].map(([kind, name]) =>
    el("button", { type: "button", "aria-label": `${name}: ${person}`, onclick: () => act(person, kind) }, name));
  return el("tr", { id }, el("th", { scope: "row" }, person), ...NAMES.map((name) => el("td", { "data-name": name })), el("td", {}, el("div", { class: "acts" }, ...acts)));
}

/** @param {number | null} seen @param {number} now */
function since(seen, now) {
  if (seen === null) return "never";
  const seconds = Math.max(0, now - seen);
  if (seconds < 10) return "now";
  if (seconds < 120) return `${Math.round(seconds)} s ago`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3600)} h ago`;
}

open();
