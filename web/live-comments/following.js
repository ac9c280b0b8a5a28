/**
 * Staying with a video's stream: connecting, connecting again, and polling where a stream cannot be had.
 *
 * Every ending is answered with a wait: as long as the service says, longer with each failure in a row, and never the
 * same for two viewers. Two kinds of ending lead to polling the snapshot meanwhile: the service says so (`poll`), or
 * something on the way holds the stream back, so that not even its first line arrives.
 */

import { readEvents } from "./event-stream.js";
import { Problem } from "./http.js";
import { Polling } from "./polling.js";
import { nextWaitMs, pause } from "./waiting.js";

const FIRST_WITHIN_MS = 8_000; // the service sends its first line at once
const QUIET_AT_MOST_MS = 40_000; // it sends a heartbeat every 15 s: two lost ones mean a dead connection
const SILENT_AT_MOST = 2; // streams in a row that brought something and then went silent
const FLOWING_MS = 20_000; // what brings something after so long is no stream that is held back
const REJOIN_AFTER_MS = 120_000; // longer away than this, and the newest page says more than all that was missed
const HELD_BACK_POLL_MS = 2_000;
const HELD_BACK_FOR_MS = 60_000; // then it looks whether streams come through now; twice as long each time
const HELD_BACK_AT_MOST_MS = 15 * 60_000;
const PROVEN_MS = 10_000; // a stream that has lasted so long was a good one: failures are counted anew
const TOKENS_AT_MOST = 3; // refused in a row
const MOVES_APART_MS = 10_000; // however soon the next token runs out
const RENEW_WITHIN = 0.5; // of the time that a token has left; when in it is for chance to say, as many end together

export class Following {
  position = null; // the id up to which everything is here; null before the newest page is
  #polling;
  #service;
  #does;
  #signal;
  #retryMs = 0; // what the service said last about waiting, when it was not sending anybody away
  #heardAt = 0;
  #failures = 0;
  #silences = 0;
  #refusedTokens = 0;
  #movedAt = 0;
  #heldBackMs = HELD_BACK_FOR_MS;
  #leave = null; // ends the stream that is open

  /**
   * @param {import("./service.js").Service} service
   * @param {{begin: Function, rejoin: Function, take: Function, snapshot: Function, become: Function}} does
   *   `begin` and `rejoin` resolve to the position to go on from
   */
  constructor(service, does, signal) {
    this.#service = service;
    this.#does = does;
    this.#signal = signal;
    this.#polling = new Polling(service, signal);
  }

  get polling() {
    return this.#polling.active;
  }

  /** Go on until `signal`, or until there is no point in trying: then it rejects with the `Problem` that says why. */
  async run() {
    const leave = () => this.#leave?.abort(); // what the connection went over may be gone
    for (const name of ["online", "offline"]) globalThis.addEventListener?.(name, leave, { signal: this.#signal });
    for (let moving = false; ; ) {
      if (!this.polling && !moving) this.#does.become("connecting");
      const ending = await this.#try();
      this.#signal.throwIfAborted();
      moving = ending.moving;
      if (moving) continue; // with the new token, from the same place, at once
      this.#failures += 1;
      if (ending.poll && (await this.#poll(ending.poll, ending.forMs))) continue;
      this.#polling.active = false;
      this.#does.become("away");
      await pause(nextWaitMs(this.#failures, ending.waitMs || this.#retryMs), this.#signal);
    }
  }

  async #try() {
    const isFirst = this.position === null;
    try {
      if (this.position === null) {
        this.position = await this.#does.begin();
        this.#heardAt = Date.now();
      } else if (Date.now() - this.#heardAt > REJOIN_AFTER_MS) {
        this.position = await this.#does.rejoin(this.position);
      }
      return await this.#stream();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.kind === "refused") throw problem;
      if (problem.kind === "token") this.#refused(problem);
      if (problem.kind === "token" && isFirst && !this.#service.credentials.renewable) throw problem; // signed out
      return { waitMs: problem.retryAfterMs };
    }
  }

  async #stream() {
    const leaving = new AbortController();
    const ending = { waitMs: 0, poll: null, forMs: 0, moving: false };
    let token = null;
    let expired = false;
    let arrivedAt = Number.POSITIVE_INFINITY;
    let renewing;
    const began = Date.now();
    const take = ({ event: name = "message", id, data: text, retry }) => {
      this.#heardAt = Date.now();
      if (this.#heardAt - began > FLOWING_MS) this.#silences = 0;
      if (retry !== undefined) ending.waitMs = retry;
      const data = text === undefined ? null : parsed(text);
      if (!data) return;
      if (name === "bye") expired = data.reason === "expired";
      else if (ending.waitMs) this.#retryMs = ending.waitMs;
      if (name === "poll") ending.poll = data;
      if (name === "sync") {
        arrivedAt = Date.now();
        this.#arrived();
      }
      if (name === "expiring") {
        const soonest = this.#movedAt + MOVES_APART_MS - Date.now();
        const inMs = Math.max(data.inMs * RENEW_WITHIN * Math.random(), soonest);
        renewing ??= setTimeout(() => this.#move(token, leaving, ending), inMs);
      }
      this.#does.take(name, data, id);
      if (id) this.position = id;
    };
    this.#leave = leaving;
    try {
      const late = setTimeout(() => leaving.abort(HELD_BACK), FIRST_WITHIN_MS);
      const response = await this.#service
        .stream(this.position, { signal: leaving.signal, withinMs: 2 * FIRST_WITHIN_MS })
        .finally(() => clearTimeout(late));
      token = await this.#service.credentials.token(); // it was opened with
      const firstWithinMs = Math.max(FIRST_WITHIN_MS - (Date.now() - began), 1);
      const how = await readEvents(response, take, { firstWithinMs, quietAtMostMs: QUIET_AT_MOST_MS });
      if (how === "silent") this.#noteSilence(began, ending);
    } catch (error) {
      if (error !== HELD_BACK) {
        if (leaving.signal.aborted && !this.#signal.aborted) return ending; // to connect again
        throw error;
      }
      this.#holdBack(ending);
    } finally {
      if (Date.now() - arrivedAt > PROVEN_MS) this.#failures = 0;
      clearTimeout(renewing);
      this.#leave = null;
      leaving.abort();
    }
    if (ending.poll && !ending.forMs) ending.forMs = nextWaitMs(1, ending.waitMs);
    if (expired) await this.#renew(token);
    return ending;
  }

  #arrived() {
    this.#refusedTokens = 0;
    this.#heldBackMs = HELD_BACK_FOR_MS;
    this.#polling.active = false;
    this.#does.become("live");
  }

  /** A token was not taken, and another one neither: too often, and it is over. */
  #refused(problem) {
    this.#refusedTokens += 1;
    if (this.#refusedTokens >= TOKENS_AT_MOST) throw problem;
  }

  /** Nothing came for too long: at the very beginning, or again and again later, something holds streams back. */
  #noteSilence(began, ending) {
    this.#silences += 1;
    if (this.#heardAt < began || this.#silences >= SILENT_AT_MOST) this.#holdBack(ending);
  }

  #holdBack(ending) {
    ending.poll = { intervalMs: HELD_BACK_POLL_MS };
    ending.forMs = this.#heldBackMs;
    this.#heldBackMs = Math.min(this.#heldBackMs * 2, HELD_BACK_AT_MOST_MS);
  }

  #poll(how, forMs) {
    return this.#polling.run(how, forMs, {
      take: (snapshot) => {
        this.position = this.#does.snapshot(snapshot) ?? this.position;
        this.#heardAt = Date.now();
        this.#refusedTokens = 0;
      },
      become: (state) => this.#does.become(state),
      refused: (problem) => this.#refused(problem),
    });
  }

  /** Leave a stream whose token is running out for one with another token, if that can be had. */
  async #move(token, leaving, ending) {
    await this.#renew(token);
    if (leaving.signal.aborted || (await this.#service.credentials.token()) === token) return;
    ending.moving = true;
    this.#movedAt = Date.now();
    leaving.abort();
  }

  /** Ask for another token than this one, unless there is another one by now. */
  async #renew(token) {
    try {
      await this.#service.credentials.renew(token);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
    }
  }
}

const HELD_BACK = new DOMException("The stream is held back.", "TimeoutError");

function parsed(text) {
  try {
    const data = JSON.parse(text);
    return typeof data === "object" ? data : null;
  } catch {
    return null; // nothing that this client understands
  }
}
