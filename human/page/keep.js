// What the browser keeps, so that a reload or a lost connection loses nothing: see docs/PAGE.md.

const PREFIX = "tandem-arena.";

/** Where a browser keeps nothing (private windows, settings), this tab does. @type {Map<string, string>} */
const memory = new Map();

/** @param {"localStorage" | "sessionStorage"} name @returns {Storage | null} */
function storage(name) {
  try {
    return window[name];
  } catch {
    return null;
  }
}

/** @param {Storage | null} where @param {string} name @returns {any} */
function read(where, name) {
  try {
    return JSON.parse(memory.get(name) ?? where?.getItem(PREFIX + name) ?? "null");
  } catch {
    return null;
  }
}

/** @param {Storage | null} where @param {string} name @param {any} value */
function write(where, name, value) {
  const gone = value === null || value === undefined;
  const text = JSON.stringify(value);
  memory.delete(name); // a copy would outlive what another tab does to the stored one
  if (!gone && !where) memory.set(name, text);
  try {
    if (gone) where?.removeItem(PREFIX + name);
    else where?.setItem(PREFIX + name, text);
  } catch {
    if (!gone) memory.set(name, text);
  }
}

/** Names of what is kept for all tabs of this host: one session is at one screen anyway. */
const KEPT = ["key", "mark", "outbox", "draft", "form", "tab"];
/** Of these, what is the open session's, so that only the tab that has it may change it. */
const TYPED = ["outbox", "draft", "form"];
/** This tab, until it is reloaded. */
const TAB = Array.from(crypto.getRandomValues(new Uint32Array(2)), (one) => one.toString(36)).join("-");

/** @param {string} name @returns {any} */
export const kept = (name) => read(storage("localStorage"), name);

/** @param {string} name @param {any} value */
const put = (name, value) => write(storage("localStorage"), name, value);

/** @param {string} name @param {any} value */
export function keep(name, value) {
  if (!TYPED.includes(name) || !elsewhere()) put(name, value);
}

/** Has another tab of this browser the session? */
export function elsewhere() {
  const tab = kept("tab");
  return tab !== null && tab !== TAB;
}

/** The session is this tab's now. */
export const claim = () => put("tab", TAB);

/** It is nobody's: the tab is closed, or left. */
export function release() {
  if (!elsewhere()) put("tab", null);
}

/** When another tab takes the session. @param {() => void} taken */
export function whenTaken(taken) {
  window.addEventListener("storage", ({ key }) => key === `${PREFIX}tab` && elsewhere() && taken());
}

/** A token that was not exchanged yet: this tab's alone. @returns {string} */
export const heldToken = () => read(storage("sessionStorage"), "token") ?? "";

/** @param {string} token */
export const holdToken = (token) => write(storage("sessionStorage"), "token", token || null);

/** Forgets everything about the session; settings stay. */
export function forget() {
  for (const name of KEPT) put(name, null);
  holdToken("");
}

/** Forgets what was typed and not sent. */
export function forgetTyped() {
  for (const name of TYPED) keep(name, null);
}

/** Enough to know a token again, and too little to make it again. @param {string} token */
export function markOf(token) {
  let hash = 0x811c9dc5;
  for (const character of token) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash;
}
