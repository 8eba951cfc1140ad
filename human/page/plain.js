// Text of people and models as the page may show and send it.

/** What is shown by a stand-in, joiners (Persian, emoji) not: as agents.plain.visible has it in Python. */
const ODD = /[\p{Cc}\p{Cs}\u2028\u2029]|(?![\u200c\u200d])\p{Cf}/gu;

/**
 * The text with every control and direction character replaced by a visible one; newlines and joiners stay.
 * @param {string} text
 */
export function visible(text) {
  return text.replace(ODD, (found) => {
    const code = found.codePointAt(0) ?? 0;
    if (found === "\n") return found;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    return `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
  });
}

/**
 * The text in one line, to be read aloud.
 * @param {string} text
 */
export function inline(text) {
  return visible(text.replace(/\s+/g, " ")).trim();
}

/**
 * The text without halves of surrogates, which no message can carry.
 * @param {string} text
 */
export function wellFormed(text) {
  return text.replace(/\p{Cs}/gu, "\ufffd");
}

/**
 * What a table has of its own under a name that came over the wire.
 * @template T
 * @param {Record<string, T>} table
 * @param {string} name
 * @returns {T | undefined}
 */
export function entry(table, name) {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/**
 * Characters, as Python counts them.
 * @param {string} text
 */
export function characters(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

const ENCODER = new TextEncoder();

/**
 * Bytes, as they are sent.
 * @param {string} text
 */
export function bytes(text) {
  return ENCODER.encode(text).length;
}
