/**
 * Comments on their way out: sent one after the other, so that they keep their order, each with an Idempotency-Key, so
 * that it may be sent again without being stored twice.
 *
 * entry  {key, text, state, id, problem}
 *   state "sending"   under way
 *         "waiting"   to be sent again by itself; `problem` says why
 *         "sent"      stored as `id`; it leaves the outbox when the stream has brought that id
 *         "failed"    not sent, as `problem` says; `again(entry)` or `discard(entry)`
 */

import { Problem } from "./http.js";
import { nextWaitMs, pause } from "./waiting.js";

const GIVE_UP_MS = 120_000; // a key lives for ten minutes; nobody waits that long
export const WAITING_AT_MOST = 5; // entries that are not sent yet
const KEPT_AT_MOST = 50; // entries altogether, while the stream is away

export class Outbox {
  entries = [];
  sentMs = Number.NEGATIVE_INFINITY; // when a comment was last taken
  #working = false;
  #service;
  #changed;
  #signal;

  /** @param {import("./service.js").Service} service */
  constructor(service, changed, signal) {
    this.#service = service;
    this.#changed = changed;
    this.#signal = signal;
  }

  get full() {
    const waiting = this.entries.filter((entry) => entry.state !== "sent").length;
    return waiting >= WAITING_AT_MOST || this.entries.length >= KEPT_AT_MOST;
  }

  /** Put a text into the queue. */
  add(text) {
    this.entries.push({ key: key(), text, state: "sending", id: null, problem: null, guess: null });
    this.#work();
  }

  /** Try a failed entry once more, with the same key: it may have been stored after all. */
  again(entry) {
    this.entries = [...this.entries.filter((other) => other !== entry), entry];
    Object.assign(entry, { state: "sending", problem: null });
    this.#work();
  }

  discard(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    this.#changed();
  }

  /**
   * The stream has brought a comment of this user. Usually it does so before the POST is answered, when its id is not
   * known here yet: then it is taken for the first entry with that text, until the answer names the id.
   */
  arrived(comment) {
    const known = this.entries.find((entry) => entry.id === comment.id);
    if (known) {
      this.#service.credentials.learn(comment.userId);
      this.entries = this.entries.filter((entry) => entry !== known);
      return;
    }
    const expected = this.entries.find(
      ({ id, state, guess, text }) => id === null && state !== "failed" && !guess && same(text, comment.message),
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
      while ((entry = this.entries.find((one) => one.state === "sending"))) {
        await this.#send(entry);
        this.#changed();
      }
    } catch (error) {
      if (!this.#signal.aborted) throw error;
    } finally {
      this.#working = false;
    }
  }

  async #send(entry) {
    const began = Date.now();
    for (let failures = 1; ; failures += 1) {
      try {
        entry.id = await this.#service.post(entry.text, entry.key);
        entry.state = "sent";
        this.sentMs = Date.now();
        if (entry.guess?.id === entry.id) this.#service.credentials.learn(entry.guess.userId);
        entry.guess = null;
        return;
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        entry.problem = problem;
        const soon = problem.retryAfterMs <= GIVE_UP_MS; // slow mode may say an hour
        const again = problem.kind === "away" || (problem.kind === "busy" && problem.code !== "same_message" && soon);
        if (!again || Date.now() - began > GIVE_UP_MS) {
          // What the stream has brought was stored, even if no answer ever said so.
          const stored = again && entry.guess;
          Object.assign(entry, { state: stored ? "sent" : "failed", id: stored ? entry.guess.id : null, guess: null });
          return;
        }
        entry.state = "waiting";
        this.#changed();
        await pause(nextWaitMs(problem.kind === "busy" ? 1 : failures, problem.retryAfterMs), this.#signal);
        entry.state = "sending";
        this.#changed();
      }
    }
  }
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
