// Elements, made of text only: nothing here, or anywhere on the page, reads a string as markup.

let made = 0;

/**
 * An element. Keys of `how` that begin with "on" are listeners, true and false set and leave out an attribute.
 * @param {string} tag
 * @param {Record<string, any>} [how]
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function el(tag, how = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(how)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An id that no other element has. @param {string} name */
export function fresh(name) {
  made += 1;
  return `${name}-${made}`;
}

/**
 * A button. It is switched off by `usable`, so that it keeps the focus and can say why.
 * @param {string} text
 * @param {(event: Event) => void} press
 * @param {Record<string, any>} [how]
 */
export function button(text, press, how = {}) {
  return el("button", { type: "button", ...how, onclick: press }, text);
}

/** @param {Element} element @param {boolean} can */
export function usable(element, can) {
  if (can) element.removeAttribute("aria-disabled");
  else element.setAttribute("aria-disabled", "true");
}

/** Sets a text only where it changes, so that nothing is read aloud twice. @param {Element} element @param {string} text */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Does somebody work at a control now, from which the focus must not be taken? */
export function busy() {
  const at = document.activeElement;
  return at instanceof HTMLElement && at.matches("input, textarea, select, button, summary, dialog *") && shown(at);
}

/** @param {HTMLElement} element */
export function shown(element) {
  return element.isConnected && element.getClientRects().length > 0;
}
