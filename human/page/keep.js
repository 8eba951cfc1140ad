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
    return JSON.parse(where?.getItem(PREFIX + name) ?? memory.get(name) ?? "null");
  } catch {
    return null;
  }
}

/** @param {Storage | null} where @param {string} name @param {any} value */
function write(where, name, value) {
  const gone = value === null || value === undefined;
  if (gone) memory.delete(name);
  else memory.set(name, JSON.stringify(value));
  try {
    if (gone) where?.removeItem(PREFIX + name);
    else where?.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // It stays in memory.
  }
}

/** Names of what is kept for all tabs of this host: one session is at one screen anyway. */
const KEPT = ["key", "mark", "outbox", "draft", "form"];

/** @param {string} name @returns {any} */
export const kept = (name) => read(storage("localStorage"), name);

/** @param {string} name @param {any} value */
export const keep = (name, value) => write(storage("localStorage"), name, value);

/** A token that was not exchanged yet: this tab's alone. @returns {string} */
export const heldToken = () => read(storage("sessionStorage"), "token") ?? "";

/** @param {string} token */
export const holdToken = (token) => write(storage("sessionStorage"), "token", token || null);

/** Forgets everything about the session; settings stay. */
export function forget() {
  for (const name of KEPT) keep(name, null);
  holdToken("");
}

/** Forgets what was typed and not sent. */
export function forgetTyped() {
  for (const name of ["outbox", "draft", "form"]) keep(name, null);
}

/** Enough to know a token again, and too little to make it again. @param {string} token */
export function markOf(token) {
  let hash = 0x811c9dc5;
  for (const character of token) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash;
}
