// The connection: what is said once arrives once, in order, whatever the network does.

import { claim, elsewhere, forget, holdToken, keep, kept, markOf, whenTaken } from "./keep.js";
import { bytes, characters, wellFormed } from "./plain.js";
import { words } from "./words.js";

const WAITS = [0.5, 1, 2, 4, 8, 15, 30];
/** Seconds without an answer after which a connection counts as lost. */
const PATIENCE = 15;
/** Characters of a text that is sent at once: messages.TEXT. */
export const TEXT = 8000;
/** Bytes of a message: messages.MESSAGE. */
const MESSAGE = 65536;
/** The greatest number of a message, for the room that it takes. */
const GREATEST = 2 ** 31;
/** A refusal for the form of a message: such a message has no number that the server could read. */
const UNREAD = ["malformed", "too_large"];
/** With this the server closes where a message is too large to be read at all. */
const TOO_LARGE = 1009;

/**
 * @typedef {Record<string, any> & { type: string }} Message
 * @typedef {{ n: number, message: Message }} Entry  `n` is 0 until it is on its way
 * @typedef {"joining" | "on" | "lost" | "stopped"} Standing
 */

/** @param {Message} message */
const encoded = (message) =>
  JSON.stringify(message, (_, value) => (typeof value === "string" ? wellFormed(value) : value));

/** Can the server read a message of this size? @param {Message} message */
const fits = (message) =>
  characters(message.text ?? "") <= TEXT && bytes(encoded({ ...message, n: GREATEST })) <= MESSAGE;

export class Link {
  /**
   * @param {object} how
   * @param {string} how.url
   * @param {(message: Message) => void} how.hear  every message but acknowledgements
   * @param {(standing: Standing, seconds: number) => void} how.stands  and the seconds until the next try
   * @param {(message: Message, why: Message | null) => void} how.settled  done, or refused and why
   */
  constructor({ url, hear, stands, settled }) {
    this.url = url;
    this.hear = hear;
    this.stands = stands;
    this.settled = settled;
    /** @type {Entry[]} */
    this.outbox = kept("outbox") ?? [];
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {Standing} */
    this.standing = "joining";
    this.last = 0;
    this.next = 1;
    this.tries = 0;
    this.token = "";
    /** The link's token, while the key that was given for it is tried. */
    this.spare = "";
    /** @type {number | undefined} */
    this.timer = undefined;
    /** @type {number | undefined} */
    this.patience = undefined;
    window.addEventListener("online", () => this.standing === "lost" && this.again());
    window.addEventListener("offline", () => this.#lost());
    whenTaken(() => this.standing !== "stopped" && this.#taken());
  }

  /** Joins with the link's token, or with the key that this browser has. @param {string} token */
  start(token) {
    const known = token && kept("key") && markOf(token) === kept("mark");
    this.token = known ? "" : token;
    this.spare = known ? token : "";
    holdToken(this.token);
    this.open();
  }

  /** By itself, unless another tab of this browser has the session: somebody goes on there. */
  again() {
    if (elsewhere()) this.#taken();
    else this.open();
  }

  /** Somebody wants to go on here. */
  open() {
    this.#drop();
    if (!this.token) this.#claim(); // a new link may be no good: it takes the session when it is welcome
    this.#stand("joining");
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.#wait();
    socket.onopen = () => {
      const join = { type: "join", token: this.token, key: this.token ? "" : (kept("key") ?? ""), client: "page" };
      socket.send(JSON.stringify(join));
    };
    socket.onmessage = (event) => this.socket === socket && this.#heard(event.data);
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return;
      this.#lost();
      if (code === TOO_LARGE) this.#unread({ type: "refused", name: "too_large", text: "" });
    };
  }

  /** Something that is to be done once. @param {Message} message @returns {boolean} false where it is too long */
  post(message) {
    if (!fits(message)) return false;
    this.outbox.push({ n: 0, message });
    this.#save();
    this.#pump();
    return true;
  }

  /** Something that nobody misses if it gets lost. @param {Message} message */
  tell(message) {
    if (this.standing === "on") this.#send(message);
  }

  /** Is something for this turn on its way? @param {number} turn */
  pending(turn) {
    return this.outbox.some(({ message }) => message.turn === turn);
  }

  /** Takes back the texts that are not acknowledged. @returns {string[]} */
  takeBack() {
    if (elsewhere()) this.outbox = []; // the other tab sends it
    const texts = this.outbox.map(({ message }) => message.text).filter((text) => text);
    this.outbox = [];
    this.#save();
    return texts;
  }

  /** @param {string} data */
  #heard(data) {
    /** @type {Message} */
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (message.type === "refused" && message.name === "too_fast") this.#later();
    else if (message.type === "ack") this.#acknowledged(message.n);
    else if (message.type === "refused" && message.n !== null && message.n !== undefined) this.#refused(message);
    else if (message.type === "refused" && UNREAD.includes(message.name) && this.outbox[0]?.n) this.#unread(message);
    else {
      const joining = this.standing === "joining";
      const turnedAway = message.type === "bye" || (message.type === "refused" && joining);
      if (message.type === "welcome") this.#welcomed(message);
      else if (turnedAway && joining && this.spare) {
        this.token = this.spare;
        this.spare = "";
        this.open();
        return;
      } else if (turnedAway) this.stop();
      this.hear(message);
    }
  }

  /** @param {Message} message */
  #welcomed(message) {
    if (message.key) {
      if (message.key !== kept("key")) {
        forget();
        this.outbox = [];
      }
      keep("key", message.key);
      if (this.token) keep("mark", markOf(this.token));
    }
    this.#claim();
    this.token = this.spare = "";
    holdToken("");
    this.tries = 0;
    window.clearTimeout(this.patience);
    this.last = message.last;
    this.next = message.last + 1;
    this.#stand("on");
    if (this.outbox[0]?.n && this.outbox[0].n <= message.last) this.#done();
    if (this.outbox[0]) this.outbox[0].n = 0;
    queueMicrotask(() => this.#pump());
  }

  /** @param {number} n */
  #acknowledged(n) {
    this.last = Math.max(this.last, n);
    this.next = this.last + 1;
    if (this.outbox[0]?.n && this.outbox[0].n <= n) this.#done();
    this.#pump();
  }

  /** @param {Message} why */
  #refused(why) {
    const head = this.outbox[0];
    if (!head || head.n !== why.n) return;
    window.clearTimeout(this.patience);
    head.n = 0;
    if (UNREAD.includes(why.name)) {
      this.next = this.last + 1; // what was not read has used up nothing
      this.#over(head, why);
    } else if (why.name === "out_of_order" && this.next !== this.last + 1) this.next = this.last + 1;
    else {
      this.next = why.n + 1; // whether a refused number is used up, the next answer tells
      this.#over(head, why);
    }
    this.#pump();
  }

  /** What is on its way could not be read, so nobody can say its number: sent again, it would be refused for good. @param {Message} why */
  #unread(why) {
    const n = this.outbox[0]?.n;
    if (n) this.#refused({ ...why, n });
  }

  /** @param {Entry} head @param {Message} why */
  #over(head, why) {
    this.outbox.shift();
    this.#save();
    this.settled(head.message, why);
  }

  /** Too much at once: what is on its way is sent again by its number, which does no harm if it came. */
  #later() {
    const head = this.outbox[0];
    window.setTimeout(() => {
      if (this.standing !== "on" || !head || head !== this.outbox[0]) return;
      head.n = 0;
      this.#pump();
    }, 1000);
  }

  #done() {
    const head = this.outbox.shift();
    window.clearTimeout(this.patience);
    this.#save();
    if (head) this.settled(head.message, null);
  }

  /** One at a time, so that a refusal leaves no gap behind it. */
  #pump() {
    const head = this.outbox[0];
    if (this.standing !== "on" || !head || head.n) return;
    head.n = this.next;
    this.#save();
    this.#send({ ...head.message, n: head.n });
    this.#wait();
  }

  /** @param {Message} message */
  #send(message) {
    this.socket?.send(encoded(message));
  }

  #wait() {
    window.clearTimeout(this.patience);
    this.patience = window.setTimeout(() => this.#lost(), PATIENCE * 1000);
  }

  #lost() {
    if (this.standing === "stopped" || this.standing === "lost") return;
    this.#drop();
    const seconds = WAITS[Math.min(this.tries, WAITS.length - 1)] * (0.8 + 0.4 * Math.random());
    this.tries += 1;
    this.timer = window.setTimeout(() => this.again(), seconds * 1000);
    this.#stand("lost", seconds);
  }

  /** The session is this tab's, and with it what is stored: another tab may have sent some of it since. */
  #claim() {
    const other = elsewhere();
    claim();
    if (other) this.outbox = kept("outbox") ?? [];
  }

  /** Another tab of this browser goes on with the session, and with what is not acknowledged. */
  #taken() {
    this.outbox = [];
    this.stop();
    this.hear({ type: "bye", name: "replaced", text: words.byes.replaced });
  }

  /** No further tries, until `open`. */
  stop() {
    this.#drop();
    this.#stand("stopped");
  }

  #drop() {
    window.clearTimeout(this.timer);
    window.clearTimeout(this.patience);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  /** @param {Standing} standing */
  #stand(standing, seconds = 0) {
    this.standing = standing;
    this.stands(standing, seconds);
  }

  #save() {
    keep("outbox", this.outbox.length ? this.outbox : null);
  }
}
