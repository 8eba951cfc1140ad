// What happens at the screen and is told to the study while a problem is on it: away and back, pasted and copied.

import { characters } from "./plain.js";

/**
 * @param {() => boolean} watched  is it to be told now?
 * @param {(note: { type: "note", what: string, characters: number }) => void} note
 */
export function watch(watched, note) {
  let away = false;
  /** @param {string} what */
  const tell = (what, count = 0) => watched() && note({ type: "note", what, characters: count });
  const look = () => {
    const now = document.hidden || !document.hasFocus();
    if (now === away) return;
    away = now;
    tell(away ? "focus_lost" : "focus_back");
  };
  window.addEventListener("blur", look);
  window.addEventListener("focus", look);
  document.addEventListener("visibilitychange", look);
  document.addEventListener("paste", (event) => {
    tell("pasted", characters(event.clipboardData?.getData("text/plain") ?? ""));
  });
  const copied = () => {
    const at = document.activeElement;
    const box = at instanceof HTMLTextAreaElement || at instanceof HTMLInputElement;
    const text = box ? at.value.slice(at.selectionStart ?? 0, at.selectionEnd ?? 0) : String(window.getSelection());
    tell("copied", characters(text));
  };
  document.addEventListener("copy", copied);
  document.addEventListener("cut", copied);
}
