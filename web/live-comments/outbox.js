/**
 * Comments on their way out: sent one after the other, so that they keep their order, each with an Idempotency-Key, so
 * that it may be sent again without being stored twice. It outlives the client: what one could not send, the next sends.
 *
 * entry  {key, text, state, id, problem}
 *   state "sending"   under way
 *         "waiting"   to be sent again by itself; `problem` says why
 *         "sent"      stored as `id`; it leaves the outbox when the stream has brought that id
 *         "failed"    not sent, as `problem` says; `again(entry)` or `discard(entry)`
 */

import { Problem } from "./http.js";
import { nextWaitMs, pause } from "./waiting.js";

const GIVE_UP_MS = 120_000; // nobody waits longer
const KEY_LIVES_MS = 9 * 60_000; // the service knows a key for ten minutes: later a repeat may be a second comment
export const WAITING_AT_MOST = 5; // entries that are on their way
const KEPT_AT_MOST = 50; // entries altogether, failed ones and those that the stream is still to bring

export class Outbox {
  entries;
  sentMs = Number.NEGATIVE_INFINITY; // when a comment was last taken
  #working = false;
  #service = null; // null while no client is at work
  #changed = () => {};
  #signal;

  /** @param {any[]} entries  what an earlier page could not send, see `unsent.js` */
  constructor(entries = []) {
    this.entries = entries;
  }

  /**
   * Send from now on by this service, until `signal`.
   * @param {import("./service.js").Service} service
   */
  serve(service, changed, signal) {
    this.#service = service;
    this.#changed = changed;
    this.#signal = signal;
    const end = () => {
      if (this.#service === service) this.#service = null;
    };
    signal.addEventListener("abort", end);
    this.#work();
  }

  get full() {
    const waiting = this.entries.filter(({ state }) => state === "sending" || state === "waiting").length;
    return waiting >= WAITING_AT_MOST || this.entries.length >= KEPT_AT_MOST;
  }

  /** Put a text into the queue. What it becomes has a number above `above`, the highest that was given until now. */
  add(text, above = Number.POSITIVE_INFINITY) {
    const way = { tried: false, addedMs: Date.now(), began: 0, by: null, above, guess: null };
    this.entries.push({ key: key(), text, state: "sending", id: null, problem: null, ...way });
    this.#work();
  }

  /** The first page is here: what comes after it, above `newest`, may be an entry that was added before. */
  begin(newest) {
    for (const entry of this.entries) if (entry.above === Number.POSITIVE_INFINITY) entry.above = newest;
  }

  /** Try a failed entry once more, with the same key: it may have been stored after all. */
  again(entry) {
    this.entries = [...this.entries.filter((other) => other !== entry), entry];
    Object.assign(entry, { state: "sending", problem: null, began: 0, by: null });
    this.#work();
  }

  discard(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    this.#changed();
  }

  /**
   * A comment of this user has come, by the stream or on a page. Usually it does so before the POST is answered, when
   * its id is not known here yet: then it is taken for the first entry with that text, until the answer names the id.
   */
  arrived(comment) {
    const known = this.entries.find((entry) => entry.id === comment.id);
    if (known) {
      this.#service?.credentials.learn(comment.userId);
      this.entries = this.entries.filter((entry) => entry !== known);
      return;
    }
    if (this.entries.some(({ guess }) => guess?.id === comment.id)) return;
    const expected = this.entries.find(
      ({ id, state, guess, above, text }) =>
        id === null && state !== "failed" && !guess && comment.number > above && same(text, comment.message),
    );
    if (expected) expected.guess = comment;
  }

  /** What is to be shown below the comments: all but those that the stream has brought. */
  get shown() {
    return this.entries.filter((entry) => !entry.guess);
  }

  /** Let go of what the service has stored and the stream has passed, up to `newest`. */
  settle(newest) {
    this.entries = this.entries.filter((entry) => entry.id === null || Number(entry.id) > newest);
  }

  async #work() {
    this.#changed();
    if (this.#working) return;
    this.#working = true;
    try {
      let entry;
      while (this.#service && (entry = this.entries.find(isOnItsWay))) {
        await this.#send(entry);
        this.#changed();
      }
    } finally {
      this.#working = false;
    }
  }

  /** Send an entry until it is known what became of it, or no client is at work: the next one goes on with it. */
  async #send(entry) {
    entry.began ||= Date.now();
    for (let failures = 1; this.#service; failures += 1) {
      if (entry.by && Date.now() - entry.began > KEY_LIVES_MS) {
        return this.#fail(entry, entry.problem ?? new Problem(LEFT_OVER));
      }
      const service = this.#service;
      try {
        await service.credentials.token(); // then it is known who speaks
        if (service !== this.#service) continue;
        const { userId } = service.credentials;
        if (entry.by && entry.by !== userId) throw new Problem(OTHER_USER);
        Object.assign(entry, { state: "sending", tried: true, by: userId });
        this.#changed();
        this.#stored(entry, await service.post(entry.text, entry.key));
        return undefined;
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (!isPassing(problem) || Date.now() - entry.began > GIVE_UP_MS) return this.#fail(entry, problem);
        Object.assign(entry, { state: "waiting", problem });
        this.#changed();
        const restMs = nextWaitMs(problem.kind === "busy" ? 1 : failures, problem.retryAfterMs);
        await pause(restMs, this.#signal).catch(() => {}); // the client was stopped
      }
    }
    return undefined;
  }

  #stored(entry, id) {
    if (entry.guess?.id === id) this.#service?.credentials.learn(entry.guess.userId);
    Object.assign(entry, { state: "sent", id, guess: null });
    this.sentMs = Date.now();
    // They go out one after the other: what has not gone out yet comes after this one.
    for (const other of this.entries) if (!other.tried) other.above = Math.max(other.above, Number(id));
  }

  /** Give up. What the stream has brought was stored, even if no answer ever said so, where it is surely this user's. */
  #fail(entry, problem) {
    const { guess, by } = entry;
    if (isPassing(problem) && guess && guess.userId === by) Object.assign(entry, { state: "sent", id: guess.id });
    else Object.assign(entry, { state: "failed", problem });
    entry.guess = null;
  }
}

export const LEFT_OVER = {
  kind: "away",
  code: "left_over",
  detail: "It was on its way when the page was left, and may be there already.",
};
const OTHER_USER = { kind: "token", code: "other_user", detail: "It was on its way under another name." };

/** Whether it is worth sending again by itself. */
function isPassing({ kind, code, retryAfterMs }) {
  if (kind === "away") return true;
  return kind === "busy" && code !== "same_message" && retryAfterMs <= GIVE_UP_MS; // slow mode may say an hour
}

function isOnItsWay({ state }) {
  return state === "sending" || state === "waiting";
}

/** A new Idempotency-Key. `crypto.randomUUID` is not there on pages without TLS other than this machine's own. */
function key() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether a comment says what was sent: the service removes white space at the ends, by a table of its own. */
function same(sent, stored) {
  return bare(sent) === bare(stored);
}

function bare(text) {
  return text.replace(/^[\s\u0085]+|[\s\u0085]+$/gu, "");
}
