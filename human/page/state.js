// What the page knows: the messages of the server, folded into one object. Nothing else changes it.

/**
 * @typedef {import("./link.js").Message} Message
 * @typedef {[author: number, text: string]} Spoken
 * @typedef {object} State
 * @property {string} title
 * @property {boolean} canExtend
 * @property {boolean} canWithdraw
 * @property {"wait" | "page" | "problem" | "bye"} screen
 * @property {Message | null} page
 * @property {Message | null} problem
 * @property {Spoken[]} turns
 * @property {boolean} begun  the solution of this problem was told, so that what is said comes behind it
 * @property {Message | null} pen  who writes: an ask, a writing, or over
 * @property {Message | null} graded
 * @property {Message | null} time
 * @property {Message | null} bye
 */

/** @returns {State} */
export function nothing() {
  return {
    title: "",
    canExtend: false,
    canWithdraw: false,
    screen: "wait",
    page: null,
    problem: null,
    turns: [],
    begun: false,
    pen: null,
    graded: null,
    time: null,
    bye: null,
  };
}

/** @param {Spoken[]} turns @param {number} author @param {string} text @returns {Spoken[]} */
function added(turns, author, text) {
  const last = turns.at(-1);
  if (last?.[0] === author) return [...turns.slice(0, -1), [author, last[1] + text]];
  return [...turns, [author, text]];
}

/** @param {State} state @param {Message} message @returns {State} */
function newProblem(state, message) {
  const same = state.problem?.id === message.id && state.screen === "problem";
  const kept = same ? { turns: state.turns } : { turns: [], time: null, graded: null };
  return { ...state, ...kept, screen: "problem", problem: message, page: null, pen: null, begun: false };
}

/**
 * The state after a message.
 * @param {State} state
 * @param {Message} message
 * @returns {State}
 */
export function fold(state, message) {
  switch (message.type) {
    case "welcome": {
      const { title, can_extend: canExtend, can_withdraw: canWithdraw } = message;
      return { ...state, title, canExtend, canWithdraw, bye: null, screen: state.bye ? "wait" : state.screen };
    }
    case "page":
      return { ...state, screen: "page", page: message, problem: null, turns: [], pen: null, time: null };
    case "problem":
      return newProblem(state, message);
    case "said":
      return { ...state, begun: true, turns: added(state.begun ? state.turns : [], message.author, message.text) };
    case "whole":
      return { ...state, begun: true, turns: message.turns };
    case "ask":
    case "writing":
    case "over":
      return { ...state, pen: message };
    case "graded":
      return { ...state, graded: message };
    case "time":
      return { ...state, time: message };
    case "bye":
      if (state.page?.last && message.name !== "replaced") return state; // what is said last stays to be read
      return { ...state, screen: "bye", bye: message };
    default:
      return state;
  }
}

/** Is the clock stopped, so that nothing of the problem may be seen? @param {State} state */
export function paused(state) {
  return state.screen === "problem" && state.time !== null && !state.time.running && state.pen?.type !== "over";
}
