// Something to read and to answer: real form controls, errors in words and tied to what they are about.

import { el, fresh, usable } from "./dom.js";
import { keep, kept } from "./keep.js";
import { TEXT } from "./link.js";
import { entry, visible } from "./plain.js";
import { words } from "./words.js";

/**
 * @typedef {import("./link.js").Message} Message
 * @typedef {string | number | null} Value
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {HTMLElement} marked  what is invalid, and described by its error
 * @property {HTMLElement} first  what gets the focus
 * @property {() => string} typed  what stands there, to be kept
 * @property {(typed: string) => void} set
 * @property {() => { value: Value, error: string }} read
 * @property {HTMLElement} error
 */

/** @param {any} question @param {string} id */
function title(question, id) {
  const optional = question.optional ? el("span", { class: "soft" }, ` ${words.optional}`) : null;
  return [el("span", { id, dir: "auto" }, visible(question.text)), optional];
}

/** @param {any} question @returns {Field} */
function chosen(question) {
  const scale = question.kind === "scale";
  const [low, high] = scale ? question.options : [];
  const values = scale
    ? Array.from({ length: question.high - question.low + 1 }, (_, at) => String(question.low + at))
    : question.options;
  const [name, label, error] = ["answer", "asks", "error"].map(fresh);
  const single = !scale && values.length === 1;
  const inputs = values.map((/** @type {string} */ value) =>
    el("input", { type: single ? "checkbox" : "radio", name, value }),
  );
  const ends = { [question.low]: low, [question.high]: high };
  const options = inputs.map((/** @type {HTMLInputElement} */ input, /** @type {number} */ at) => {
    const end = scale && ends[question.low + at];
    return el(
      "label",
      { class: "option" },
      input,
      el("span", { dir: "auto" }, visible(values[at]), end ? el("span", { class: "end" }, ` ${visible(end)}`) : null),
    );
  });
  const complaint = el("p", { class: "error", id: error, hidden: true });
  const element = el(
    "fieldset",
    {
      class: scale ? "scale" : "",
      role: single ? "group" : "radiogroup",
      "aria-labelledby": label,
      "aria-describedby": error,
    },
    el("legend", { id: label }, ...title(question, fresh("text"))),
    complaint,
    el("div", { class: "options" }, ...options),
  );
  if (!single && !question.optional) element.setAttribute("aria-required", "true");
  const typed = () => inputs.find((/** @type {HTMLInputElement} */ input) => input.checked)?.value ?? "";
  return {
    element,
    marked: single ? inputs[0] : element,
    first: inputs[0],
    error: complaint,
    typed,
    set: (value) => inputs.forEach((/** @type {HTMLInputElement} */ input) => (input.checked = input.value === value)),
    read: () => {
      const value = typed();
      if (!value) return { value: null, error: question.optional ? "" : words.missing };
      return { value: scale ? Number(value) : value, error: "" };
    },
  };
}

/** @param {any} question @returns {Field} */
function written(question) {
  const number = question.kind === "number";
  const [id, error] = ["answer", "error"].map(fresh);
  const how = {
    id,
    dir: "auto",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": error,
    "aria-required": question.optional ? null : "true",
  };
  const input = number
    ? el("input", { ...how, type: "text", inputmode: "decimal", maxlength: 100, class: "number" })
    : el("textarea", { ...how, rows: 4, maxlength: TEXT });
  const complaint = el("p", { class: "error", id: error, hidden: true });
  return {
    element: el(
      "div",
      { class: "field" },
      el("label", { for: id }, ...title(question, fresh("text"))),
      complaint,
      input,
    ),
    marked: input,
    first: input,
    error: complaint,
    typed: () => input.value,
    set: (value) => (input.value = value),
    read: () => {
      const text = input.value.trim();
      if (!text) return { value: null, error: question.optional ? "" : words.missing };
      if (!number) return { value: input.value, error: "" };
      const value = /^[-+−]?(\d+([.,]\d*)?|[.,]\d+)$/.test(text)
        ? Number(text.replace("−", "-").replace(",", "."))
        : NaN;
      return Number.isFinite(value) ? { value, error: "" } : { value: null, error: words.noNumber };
    },
  };
}

export class Form {
  /**
   * @param {Message} page
   * @param {(message: Message) => boolean} post
   * @param {import("./speak.js").Speaker} speaker
   */
  constructor(page, post, speaker) {
    this.page = page;
    this.post = post;
    this.speaker = speaker;
    this.heading = el("h1", { tabindex: -1, dir: "auto" }, visible(page.title));
    this.summary = el("p", { class: "error summary", tabindex: -1, hidden: true });
    /** @type {[string, Field][]} */
    this.fields = page.questions.map((/** @type {any} */ question) => [
      question.id,
      question.kind === "choice" || question.kind === "scale" ? chosen(question) : written(question),
    ]);
    this.button = el("button", { type: "submit", class: "main" }, visible(page.button));
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.submit();
    };
    this.element = el(
      "form",
      { class: "page", novalidate: true, autocomplete: "off", oninput: () => this.store(), onsubmit: submit },
      this.heading,
      ...page.text.map((/** @type {string} */ text) => el("p", { class: "text", dir: "auto" }, visible(text))),
      this.summary,
      ...this.fields.map(([, field]) => field.element),
      page.last ? null : el("div", { class: "buttons" }, this.button),
    );
    const before = kept("form");
    if (before?.page === page.id) for (const [id, field] of this.fields) field.set(entry(before.answers, id) ?? "");
    this.#mark(page.wrong.map((/** @type {string} */ id) => [id, words.notRight]));
  }

  store() {
    const answers = Object.fromEntries(this.fields.map(([id, field]) => [id, field.typed()]));
    keep("form", { page: this.page.id, answers });
  }

  submit() {
    if (this.button.getAttribute("aria-disabled")) return;
    const read = this.fields.map(([id, field]) => /** @type {const} */ ([id, field.read()]));
    const errors = read.filter(([, { error }]) => error).map(([id, { error }]) => [id, error]);
    this.#mark(errors);
    if (errors.length) {
      this.#field(errors[0][0])?.first.focus();
      this.speaker.alert(words.toFix(errors.length));
      return;
    }
    const answers = Object.fromEntries(read.map(([id, { value }]) => [id, value]));
    if (this.post({ type: "answer", screen: this.page.id, answers })) usable(this.button, false);
    else this.complain(words.unreadAnswers.too_large);
  }

  /** What was sent is not taken, or not right. @param {string} text */
  complain(text) {
    usable(this.button, true);
    this.summary.textContent = visible(text);
    this.summary.hidden = false;
    this.summary.focus();
  }

  /** Where reading begins. */
  focus() {
    (this.page.wrong.length ? this.summary : this.heading).focus();
  }

  /** @param {string} id */
  #field(id) {
    return this.fields.find(([other]) => other === id)?.[1];
  }

  /** @param {string[][]} errors  ids and why */
  #mark(errors) {
    for (const [id, { marked, error }] of this.fields) {
      const why = errors.find(([other]) => other === id)?.[1] ?? "";
      error.textContent = why;
      error.hidden = !why;
      if (why) marked.setAttribute("aria-invalid", "true");
      else marked.removeAttribute("aria-invalid");
    }
    this.summary.hidden = !errors.length;
    this.summary.textContent = errors.length ? words.toFix(errors.length) : "";
  }
}
