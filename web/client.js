/**
 * One video's comments, live: the newest page, then the stream from there, older pages, and posting. No DOM.
 *
 * events   "change"   `timeline` or `outbox` is not what it was
 *          "state"    `state` has changed
 *          "viewers"  `viewers` has changed
 *          "sampled"  of `sampled.of` comments in the last second, `sampled.shown` were shown
 *
 * state    "connecting"  on its way
 *          "live"        every new comment arrives as it is posted
 *          "away"        the connection is lost; it comes back by itself
 *          "ended"       it will not come back; `problem` says why
 */

import { events } from "./event-stream.js";
import { json, Problem, request } from "./http.js";
import { Outbox } from "./outbox.js";
import { Timeline } from "./timeline.js";
import { nextWaitMs, pause } from "./waiting.js";

const PAGE = 50; // comments
const MEND_TRIES = 4;
const FROM_THE_BEGINNING = "0";

export class LiveComments extends EventTarget {
  timeline = new Timeline();
  outbox;
  state = "connecting";
  viewers = null;
  sampled = null;
  problem = null;
  #base;
  #url;
  #token;
  #userId;
  #stopping = new AbortController();
  #position = null; // the last id that the stream has brought; null: the newest page is not here yet
  #saidRetryMs = 0;
  #polling = null; // what the service said about polling instead, if it did
  #mending = false;
  #loadingOlder = false;
  #olderNotBefore = 0;

  /**
   * @param {{video: string, token: (renew: boolean) => Promise<string|null>, userId: () => string|null, base?: string}}
   *   options  `token` gives the token to send; with `renew` the last one was not taken. It may reject with a
   *   `Problem`. `userId` says whose token it is.
   */
  constructor({ video, token, userId, base = "" }) {
    super();
    this.#base = base;
    this.#url = `${base}/comments/${encodeURIComponent(video)}`;
    this.#token = token;
    this.#userId = userId;
    this.outbox = new Outbox({
      url: this.#url,
      token: (renew = false) => token(renew),
      changed: () => {
        this.outbox.settle(this.timeline.newest);
        this.#tell("change");
      },
      signal: this.#stopping.signal,
    });
  }

  /** Begin, and go on until `stop()` or until there is no point in trying. */
  async start() {
    const signal = this.#stopping.signal;
    try {
      await this.#goOn(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  stop() {
    this.#stopping.abort();
  }

  post(text) {
    this.outbox.add(text);
  }

  /** Read one more page above the oldest comment. True: there is something new to show. */
  async older() {
    const oldest = this.timeline.comments[0];
    if (this.#loadingOlder || this.timeline.complete || !oldest || Date.now() < this.#olderNotBefore) return false;
    this.#loadingOlder = true;
    try {
      const { comments, nextCursor } = await this.#page(`&cursor=${oldest.id}`);
      if (this.timeline.comments[0] !== oldest) return false;
      this.timeline.prepend(comments, nextCursor === null);
      this.#tell("change");
      return true;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.#olderNotBefore = Date.now() + nextWaitMs(1, problem.retryAfterMs);
      return false;
    } finally {
      this.#loadingOlder = false;
    }
  }

  /** Go back to the newest comments after reading further up (`timeline.held`). */
  resume() {
    this.timeline.release();
    this.#mend();
    this.#tell("change");
  }

  async #goOn(signal) {
    for (let failures = 1; ; failures += 1) {
      let saidMs = 0;
      try {
        if (this.#position === null) await this.#begin();
        await this.#follow(signal, () => {
          failures = 1;
        });
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (problem.kind === "refused") {
          this.problem = problem;
          this.#become("ended");
          return;
        }
        if (problem.kind === "token") await this.#renew();
        saidMs = problem.retryAfterMs;
      }
      signal.throwIfAborted();
      const waitMs = nextWaitMs(failures, saidMs || this.#saidRetryMs);
      if (this.#polling) await this.#poll(waitMs, signal);
      else {
        this.#become("away");
        await pause(waitMs, signal);
      }
      this.#become("connecting");
    }
  }

  async #renew() {
    await this.#token(true).catch((problem) => {
      if (!(problem instanceof Problem)) throw problem;
    });
  }

  async #begin() {
    const { comments, nextCursor } = await this.#page("");
    this.timeline.fill(comments, nextCursor === null);
    this.#position = comments.at(-1)?.id ?? FROM_THE_BEGINNING;
    this.#tell("change");
  }

  async #follow(signal, connected) {
    const response = await request(`${this.#url}/stream`, {
      token: await this.#token(false),
      signal,
      headers: { Accept: "text/event-stream", "Last-Event-ID": this.#position },
    });
    for await (const event of events(response)) {
      if (event.retry !== undefined) {
        this.#saidRetryMs = event.retry;
        continue;
      }
      if (event.event === "sync") connected();
      this.#take(event.event ?? "message", event.data);
      if (event.id) this.#position = event.id;
    }
  }

  /** So many watch that the newest comments come as a document, until it is time to ask for a stream again. */
  async #poll(forMs, signal) {
    const { url, intervalMs } = this.#polling;
    this.#polling = null;
    for (const until = Date.now() + forMs; Date.now() < until; await pause(intervalMs, signal)) {
      try {
        const snapshot = await json(await request(this.#base + url, { token: await this.#token(false), signal }));
        this.#takeSnapshot(snapshot);
        this.#become("live");
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        this.#become("away");
      }
    }
  }

  #takeSnapshot({ comments, viewers }) {
    const first = Number(comments[0]?.id ?? 0);
    if (first > this.timeline.newest) {
      // There may be more between what is here and this than it holds: whoever follows the newest goes on with it.
      this.timeline.hole(first - 1);
      if (!this.timeline.held) this.timeline.missing = 0;
    }
    for (const comment of comments) this.#takeComment({ ...comment, number: Number(comment.id) });
    this.#position = comments.at(-1)?.id ?? this.#position;
    this.viewers = viewers;
    this.#tell("viewers");
  }

  #takeComment(comment) {
    if (!this.timeline.append(comment)) return;
    if (comment.userId === this.#userId()) this.outbox.arrived(comment);
    this.outbox.settle(this.timeline.newest);
    this.#tell("change");
  }

  #take(name, text) {
    let data;
    try {
      data = JSON.parse(text);
    } catch {
      return; // nothing that this client understands
    }
    switch (name) {
      case "message":
        this.#takeComment({ ...data, id: data.commentId, number: Number(data.commentId) });
        break;
      case "sync":
        if (!data.complete) this.#missed(data);
        this.#become("live");
        break;
      case "skipped":
        this.#missed(data);
        break;
      case "delete":
        this.timeline.remove(Number(data.commentId));
        this.#tell("change");
        break;
      case "viewers":
        this.viewers = data.count;
        this.#tell("viewers");
        break;
      case "sampled":
        this.sampled = data;
        this.#tell("sampled");
        break;
      case "expiring":
        this.#renew();
        break;
      case "poll":
        this.#polling = data;
        break;
      default: // "bye" is followed by the end of the stream; names to come are for clients to come
    }
  }

  /** The stream could not bring everything. */
  #missed({ to }) {
    if (to) this.timeline.hole(Number(to));
    else this.timeline.missing ||= 1; // our position meant nothing to the service: the newest page does
    this.#tell("change");
    this.#mend();
  }

  /** Read what is missing again from history; after reading further up, when the reader has come back. */
  async #mend() {
    if (this.#mending) return;
    this.#mending = true;
    try {
      for (let failures = 1; this.timeline.missing && !this.timeline.held; failures += 1) {
        let saidMs = 0;
        try {
          const { comments, nextCursor } = await this.#page("");
          if (this.timeline.held) return;
          // What is missing may not be in history yet, or, should something have been lost, never.
          if (failures > MEND_TRIES) this.timeline.missing = 0;
          if (this.timeline.fill(comments, nextCursor === null)) return;
        } catch (problem) {
          if (!(problem instanceof Problem)) throw problem;
          if (problem.kind === "refused") return;
          saidMs = problem.retryAfterMs;
          failures = Math.min(failures, MEND_TRIES);
        }
        await pause(nextWaitMs(failures, saidMs), this.#stopping.signal);
      }
    } catch (error) {
      if (!this.#stopping.signal.aborted) throw error;
    } finally {
      this.#mending = false;
      this.outbox.settle(this.timeline.newest);
      this.#tell("change");
    }
  }

  async #page(query) {
    const response = await request(`${this.#url}?limit=${PAGE}${query}`, {
      token: await this.#token(false),
      signal: this.#stopping.signal,
    });
    const page = await json(response);
    const comments = page.comments.map((comment) => ({ ...comment, number: Number(comment.id) })).reverse();
    return { comments, nextCursor: page.nextCursor };
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.#tell("state");
  }

  #tell(name) {
    this.dispatchEvent(new Event(name));
  }
}
