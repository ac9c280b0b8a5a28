/**
 * Comments on their way out: sent one after the other, so that they keep their order, each with an Idempotency-Key, so
 * that it may be sent again without being stored twice.
 *
 * entry  {key, text, state, id, detail}
 *   state "sending"   under way
 *         "waiting"   to be sent again by itself; `detail` says why
 *         "sent"      stored as `id`; it leaves the outbox when the stream has brought that id
 *         "failed"    not sent, for the reason in `detail`; `again(entry)` or `discard(entry)`
 */

import { json, Problem, request } from "./http.js";
import { nextWaitMs, pause } from "./waiting.js";

const GIVE_UP_MS = 120_000; // a key lives for ten minutes; nobody waits that long
const WAITING = {
  busy: "A little fast: it goes out by itself in a moment.",
  away: "The service cannot be reached: it goes out by itself when it can.",
};
export const WAITING_AT_MOST = 5; // entries that are not sent yet

export class Outbox {
  entries = [];
  #working = false;
  #options;

  /** @param {{url: string, token: Function, changed: Function, signal: AbortSignal}} options */
  constructor(options) {
    this.#options = options;
  }

  get full() {
    return this.entries.filter((entry) => entry.state !== "sent").length >= WAITING_AT_MOST;
  }

  /** Put a text into the queue. */
  add(text) {
    this.entries.push({ key: crypto.randomUUID(), text, state: "sending", id: null, detail: "" });
    this.#work();
  }

  /** Try a failed entry once more, with the same key: it may have been stored after all. */
  again(entry) {
    this.entries = [...this.entries.filter((other) => other !== entry), entry];
    Object.assign(entry, { state: "sending", detail: "" });
    this.#work();
  }

  discard(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    this.#options.changed();
  }

  /**
   * The stream has brought a comment of this user. Usually it does so before the POST is answered, when its id is not
   * known here yet: then it is taken for the first entry with that text, until the answer names the id.
   */
  arrived(comment) {
    const entry =
      this.entries.find((one) => one.id === comment.id) ??
      this.entries.find((one) => one.id === null && one.state !== "failed" && !one.guess && one.text === comment.message);
    if (!entry) return;
    if (entry.id === null) entry.guess = comment.id;
    else this.entries = this.entries.filter((other) => other !== entry);
  }

  /** What is to be shown below the comments: all but those that the stream has brought. */
  get shown() {
    return this.entries.filter((entry) => !entry.guess);
  }

  /** Let go of what the service has stored and the reader has seen, up to `newest`. */
  settle(newest) {
    this.entries = this.entries.filter((entry) => entry.id === null || Number(entry.id) > newest);
  }

  async #work() {
    this.#options.changed();
    if (this.#working) return;
    this.#working = true;
    try {
      let entry;
      while ((entry = this.entries.find((one) => one.state === "sending"))) {
        await this.#send(entry);
        this.#options.changed();
      }
    } catch (error) {
      if (!this.#options.signal.aborted) throw error;
    } finally {
      this.#working = false;
    }
  }

  async #send(entry) {
    const began = Date.now();
    for (let failures = 1; ; failures += 1) {
      try {
        entry.id = await this.#post(entry);
        entry.state = "sent";
        delete entry.guess;
        return;
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        const renew = problem.kind === "token" && failures === 1;
        const again = problem.kind === "away" || (problem.kind === "busy" && problem.code !== "same_message");
        if (renew) {
          await this.#options.token(true).catch(() => {});
          continue;
        }
        if (!again || Date.now() - began > GIVE_UP_MS) {
          Object.assign(entry, { state: "failed", detail: problem.message });
          delete entry.guess;
          return;
        }
        Object.assign(entry, { state: "waiting", detail: WAITING[problem.kind] });
        this.#options.changed();
        await pause(nextWaitMs(problem.kind === "busy" ? 1 : failures, problem.retryAfterMs), this.#options.signal);
        entry.state = "sending";
        this.#options.changed();
      }
    }
  }

  async #post(entry) {
    const response = await request(this.#options.url, {
      method: "POST",
      token: await this.#options.token(),
      signal: this.#options.signal,
      headers: { "Content-Type": "application/json", "Idempotency-Key": entry.key },
      body: JSON.stringify({ message: entry.text }),
    });
    return (await json(response)).commentId;
  }
}
