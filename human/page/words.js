// Every sentence of the page itself, so that it can be translated in one place. What a study says is not here.

import { entry } from "./plain.js";

/** @type {Record<string, [string, string]>} */
const UNITS = {
  token: ["token", "tokens"],
  "spaced-token": ["token", "tokens"],
  word: ["word", "words"],
  sentence: ["sentence", "sentences"],
  line: ["line", "lines"],
  paragraph: ["paragraph", "paragraphs"],
  solution: ["solution", "solutions"],
};

/** @param {number} count @param {string} one @param {string} [many] */
const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** As a sentence begins. @param {string} text */
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** What is asked for. @param {Record<string, any>} ask */
function asked(ask) {
  const [one, many] = entry(UNITS, ask.unit) ?? [ask.unit, `${ask.unit}s`];
  const until = ask.on_demand ? "until you hand back or finish the solution" : "until you finish the solution";
  if (ask.stuck) return `No ${one} can begin here. All that is left is to finish the solution.`;
  if (ask.unfinished && ask.unit === "sentence") return "Go on: your sentence is not over. It ends with . or ! or ?";
  if (ask.unfinished || ask.unit === "solution") return `${ask.goes_on ? "Go on" : "Write"} ${until}.`;
  const more = ask.goes_on ? "more " : "";
  const fresh = ask.opening ? "new " : "";
  if (ask.held === null) return `Write ${more}${fresh}${many} ${until}.`;
  if (ask.held === 1) return `Write one ${more}${fresh}${one}.`;
  return `Write ${ask.held} ${more}${fresh}${many}.`;
}

/** A time in words, in steps that nobody has to watch. @param {number} seconds */
function left(seconds) {
  if (seconds <= 0) return "The time is over";
  if (seconds < 10) return "Less than 10 seconds left";
  if (seconds < 115) return `About ${Math.round(seconds / 10) * 10} seconds left`;
  return `About ${Math.round(seconds / 60)} minutes left`;
}

export const words = {
  language: "en",

  // The connection
  opening: "Connecting to the study …",
  lost: (/** @type {number} */ seconds) =>
    `The connection is lost. What you typed is kept. The next try is ${seconds < 1.5 ? "now" : `in ${plural(Math.round(seconds), "second")}`}.`,
  connection: "Connection",
  lostAloud: "The connection is lost. What you typed is kept. We keep trying.",
  trying: "The connection is lost. What you typed is kept. Trying again …",
  tryNow: "Try now",
  back: "Connected again.",
  waits: "It is sent as soon as the connection is back.",
  tooLarge: "This is too long to be sent at once. Please make it shorter; it stays in the box.",

  // Pages and forms
  optional: "(optional)",
  missing: "Please answer this question.",
  noNumber: "Please type a number, such as 12 or 0.5.",
  notRight: "Not right yet. Please look at it again.",
  toFix: (/** @type {number} */ count) =>
    count === 1
      ? "One question needs another look. It is marked below."
      : `${count} questions need another look. They are marked below.`,
  /** @type {Record<string, string>} */
  unreadAnswers: {
    malformed: "The study could not read your answers. They stay here: please change them and go on.",
    too_large:
      "Your answers are too long to be sent together. Please make the longest ones shorter; all of them stay here.",
  },
  sending: "Sending …",
  forget: "Forget this session on this device",
  forgotten: "Nothing of this session is kept on this device any more. You can close this page.",

  // The problem
  problem: (/** @type {number} */ number, /** @type {number} */ of) =>
    number ? (of ? `Problem ${number} of ${of}` : `Problem ${number}`) : "Problem",
  question: "Question",
  solution: "Solution so far",
  empty: "Nothing is written yet.",
  drafted: (/** @type {string} */ name) => `${name}, not sent yet`,
  yours: "Your text",
  yourTurn: "Your turn.",
  asked,
  wordsLeft: (/** @type {number} */ count) => `The solution may still have ${plural(count, "word")}.`,
  writes: (/** @type {string} */ name) => `${capital(name)} is writing.`,
  ahead: "You can type already; it is sent only when you send it in your turn.",
  keys: "Enter makes a new line. Control and Enter, or Command and Enter, send.",
  between: "One moment …",
  send: "Send",
  finish: "Finish the solution",
  give: "Hand back",
  undo: "Take back",
  take: "Take over",
  undone: "Your last text is back in the box.",
  returned: "It was not taken; your text is back in the box.",
  taken: "You asked to take over. It is your turn after the next word.",
  notYet: "It is not your turn yet. Your text is kept.",
  onItsWay: "Your text is on its way.",
  composing: "Nothing was sent: your input method is still composing. Choose what you mean, then send again.",
  nothingTyped: "Nothing is typed yet.",
  stuck: "Nothing can be added here. Finish the solution.",
  sent: "Sent.",
  fitsPart: (/** @type {string} */ kept) => `Only this would be taken: “${kept}”`,
  fitsNot: (/** @type {string} */ why) => `This would not be taken: ${why}.`,
  full: "The box is full: a text has at most 8,000 characters.",
  tooLong: (/** @type {number} */ count) =>
    `Nothing was sent: a text has at most 8,000 characters, and this one has ${count}. It stays in the box: please make it shorter.`,
  /** @type {Record<string, string>} */
  unread: {
    malformed: "The study could not read your text. It is back in the box: please change it, or make it shorter.",
    too_large: "Your text was too long. It is back in the box: please make it shorter.",
  },
  fitsPartAloud: "Not all of your text would be taken.",
  over: "This solution is over.",
  /** @type {Record<string, string>} */
  ended: {
    end: "The solution was finished.",
    limit: "The solution has reached its greatest length.",
    time: "The time is over.",
  },
  graded: (/** @type {Record<string, any>} */ { verdict, answer, expected }) => {
    const said = {
      correct: "The answer is right.",
      wrong: "The answer is not right.",
      unreadable: "No answer could be read.",
    };
    const own = answer === null || answer === undefined ? "" : ` Yours: ${answer}.`;
    const right = expected === null || expected === undefined ? "" : ` Expected: ${expected}.`;
    return `${entry(said, verdict) ?? verdict}${own}${right}`;
  },

  // The clock
  left,
  leftAloud: (/** @type {number} */ seconds, /** @type {boolean} */ canExtend) =>
    `${left(seconds)}.${canExtend ? " You can ask for more time." : ""}`,
  extend: "More time",
  pause: "Pause",
  paused: "Paused",
  pausedWhy: "The clock stands still. The problem is hidden until you go on.",
  resume: "Go on",

  // Leaving
  settings: "Reading aloud, leaving",
  aloud: "Screen readers hear what others write",
  aloudModes: { words: "every few words", sentences: "sentence by sentence", turns: "when it is your turn" },
  leave: "Leave for now",
  withdraw: "Stop and delete my data",
  withdrawSure: "Stop for good and have everything deleted that is stored of you?",
  withdrawYes: "Yes, stop and delete",
  withdrawNo: "No, go back",
  letter: "Message from the researchers",
  close: "Close",
  bye: "The connection has ended",
  /** @type {Record<string, string>} */
  byes: {
    replaced:
      "Your session was opened at another screen or tab and goes on there. You can close this one. To go on here instead, press the button.",
    left: "You left. Everything up to here is stored. To come back, press the button, or open your link again.",
    withdrawn: "You stopped. This device has forgotten the session.",
  },
  byeTitles: /** @type {Record<string, string>} */ ({
    replaced: "This session is open elsewhere",
    left: "You left",
    withdrawn: "You stopped",
    refused: "This link does not open the study",
    no_access: "This link does not open the study",
    idle: "You were away for a long time",
    error: "Something went wrong",
  }),
  here: "Go on here",
  again: "Try again",
  comeBack: "Come back",
  goOn: "Go on with the session of this browser",
  noLink:
    "Please open this page by your personal link. If you have done so before in this browser, the link still works.",
  noLinkTitle: "A personal link is needed",
};
