/**
 * One video's comments, live: the newest page, then the stream from there, older pages, and posting. No DOM.
 *
 * events   "change"   `comments` or `pending` is not what it was
 *          "state"    `state` has changed
 *          "viewers"  `viewers` has changed
 *          "rules"    `rules` has changed: slow mode, members only, a pause, the end
 *          "sampled"  of `sampled.of` comments in the last second, `sampled.shown` were shown
 *
 * state    "connecting"  on its way
 *          "live"        every new comment arrives as it is posted; when `polling`, a few seconds later
 *          "away"        the connection is lost; it comes back by itself
 *          "ended"       it will not come back; `problem` says why
 */

import { Following } from "./following.js";
import { Problem } from "./http.js";
import { Outbox } from "./outbox.js";
import { changed, standing, USUAL } from "./rules.js";
import { PAGE_AT_MOST, Service } from "./service.js";
import { Timeline } from "./timeline.js";
import { nextWaitMs, pause } from "./waiting.js";

const PAGE = 50; // comments
const MEND_TRIES = 5;
const ORDER_TRIES = 4; // of a moderator's, while the service is away
const MENDED_AT_MOST = 500; // comments that were left out and are fetched one and all; of more, the newest page is
const FROM_THE_BEGINNING = "0";

export class LiveComments extends EventTarget {
  state = "connecting";
  viewers = null;
  sampled = null;
  problem = null;
  rules = USUAL;
  timeline = new Timeline();
  outbox;
  #service;
  #following;
  #video;
  #nextRules = USUAL;
  #polled = new Set(); // ids of the last snapshot
  #stopping = new AbortController();
  #mending = false;
  #loadingOlder = false;
  #olderNotBefore = 0;

  /**
   * @param {{video: string, src?: string, token?: (renew: boolean) => string | null | Promise<string | null>,
   *   direct?: boolean}} options
   *   `token` gives the token to send; with `renew` the last one was not taken. Without it the browser's cookie is
   *   sent. `src` is the service's address, this page's own if there is none. `direct`: the stream is opened at the
   *   edge that has the video, where the service offers that and there is a token.
   */
  constructor({ video, src = "", token = null, direct = false }) {
    super();
    const { signal } = this.#stopping;
    this.#video = video;
    this.#service = new Service({ video, src, token, direct, signal });
    this.outbox = new Outbox(this.#service, () => this.#changed(), signal);
    this.#following = new Following(
      this.#service,
      {
        begin: () => this.#begin(),
        rejoin: (position) => this.#rejoin(position),
        take: (name, data) => this.#take(name, data),
        snapshot: (snapshot) => this.#takeSnapshot(snapshot),
        become: (state) => this.#become(state),
      },
      signal,
    );
  }

  /** The comments that are kept here, oldest first. */
  get comments() {
    return this.timeline.comments;
  }

  /** The viewer's own comments that are on their way, oldest first. */
  get pending() {
    return this.outbox.shown;
  }

  /** The viewer's user id, null while it is not known. */
  get userId() {
    return this.#service.credentials.userId;
  }

  /** Whether the viewer's token moderates this video. */
  get moderates() {
    return this.#service.credentials.moderates(this.#video);
  }

  /** Whether the viewer may write now, and if not, why and for how long: see `rules.js`. */
  get standing() {
    const viewer = { moderates: this.moderates, member: this.#service.credentials.isMember(this.#video) };
    return standing(this.rules, viewer, this.outbox.sentMs, Date.now());
  }

  /** Whether comments come by polling, because a stream cannot be had. */
  get polling() {
    return this.#following.polling;
  }

  /** Begin, and go on until `stop()` or until there is no point in trying. */
  async start() {
    const { signal } = this.#stopping;
    try {
      await this.#following.run();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.problem = error;
      this.#become("ended");
    }
  }

  stop() {
    this.#stopping.abort();
  }

  /** Post a comment. It is in `pending` at once, and leaves it when the stream has brought it. */
  post(text) {
    this.outbox.add(text);
  }

  /** Remove a comment: one's own, or any as a moderator. Rejects with a `Problem`. */
  async remove(id) {
    await this.#surely(() => this.#service.remove(id));
    this.timeline.remove(Number(id));
    this.#changed();
  }

  /**
   * Shut somebody out of the video, as a moderator: for `forS` seconds, or for ever without; with `comments`, all that
   * they have said is removed as well. Rejects with a `Problem`.
   */
  async ban(userId, how = {}) {
    await this.#surely(() => this.#service.ban(userId, how));
    if (!how.comments) return;
    this.timeline.removeBy(userId);
    this.#changed();
  }

  /** Do what may be repeated without harm until it is known to be done; rejects with the `Problem` of the last try. */
  async #surely(does) {
    for (let failures = 1; ; failures += 1) {
      try {
        await does();
        return;
      } catch (problem) {
        if (!(problem instanceof Problem) || problem.kind !== "away" || failures >= ORDER_TRIES) throw problem;
        await pause(nextWaitMs(failures, problem.retryAfterMs), this.#stopping.signal);
      }
    }
  }

  /** Read one more page above the oldest comment. True: there is something new to show. */
  async older() {
    const oldest = this.timeline.comments[0];
    if (this.#loadingOlder || this.timeline.complete || !oldest || Date.now() < this.#olderNotBefore) return false;
    this.#loadingOlder = true;
    try {
      const { comments, nextCursor } = await this.#service.page({ limit: PAGE, cursor: oldest.id });
      if (this.timeline.comments[0] !== oldest) return false;
      this.timeline.prepend(comments, nextCursor === null);
      this.#changed();
      return true;
    } catch (problem) {
      if (this.#stopping.signal.aborted) return false;
      if (!(problem instanceof Problem)) throw problem;
      this.#olderNotBefore = Date.now() + nextWaitMs(1, problem.retryAfterMs);
      return false;
    } finally {
      this.#loadingOlder = false;
    }
  }

  /** Keep what is read where it is: new comments wait, and `unread` counts them. */
  hold() {
    this.timeline.held = true;
  }

  /** Go back to the newest comments. */
  resume() {
    this.timeline.release();
    this.#mend();
    this.#changed();
  }

  get unread() {
    return this.timeline.unread;
  }

  async #begin() {
    const { comments, complete } = await this.#newestPage(PAGE);
    this.timeline.fill(comments, complete);
    this.#changed();
    return comments.at(-1)?.id ?? FROM_THE_BEGINNING;
  }

  /** After a long time away: what was missed comes by the stream if it is little, else as the newest page. */
  async #rejoin(position) {
    const { comments, complete } = await this.#newestPage(PAGE_AT_MOST);
    if (complete || comments.length === 0 || comments[0].number <= Number(position)) return position;
    this.timeline.restart(comments, complete);
    this.#changed();
    return comments.at(-1).id;
  }

  /** The newest page of history, or, while there is no history to be had, what the edge has. */
  async #newestPage(limit) {
    try {
      const { comments, nextCursor } = await this.#service.page({ limit });
      return { comments, complete: nextCursor === null };
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.kind !== "away") throw problem;
      const { comments } = await this.#service.snapshot().catch(() => {
        throw problem;
      });
      return { comments, complete: false };
    }
  }

  #takeSnapshot({ comments, viewers }) {
    const first = comments[0]?.number ?? Number.POSITIVE_INFINITY;
    const polled = new Set(comments.map(({ id }) => id));
    // A snapshot does not say what was removed: it is what the one before had, and this one should have.
    for (const id of this.#polled) if (!polled.has(id) && Number(id) > first) this.timeline.remove(Number(id));
    this.#polled = polled;
    if (comments.length > 0 && first > this.timeline.newest) this.timeline.restart(comments, false); // there may be more in between
    for (const comment of comments) this.#takeComment(comment);
    this.#set("viewers", viewers);
    this.#changed();
    return comments.at(-1)?.id;
  }

  #takeComment(comment) {
    if (!this.timeline.append(comment)) return;
    if (comment.userId === this.userId || this.userId === null) this.outbox.arrived(comment);
    this.#changed();
  }

  #take(name, data) {
    switch (name) {
      case "message":
        this.#takeComment({ ...data, id: data.commentId, number: Number(data.commentId) });
        break;
      case "sync":
        this.#rule(USUAL); // what is not as usual follows
        if (!data.complete) this.#reload(data);
        break;
      case "skipped":
        if (data.count > MENDED_AT_MOST) this.#reload(data);
        else this.#fetchSkipped(data);
        break;
      case "delete":
        if (data.userId !== undefined) this.timeline.removeBy(data.userId);
        else this.timeline.remove(Number(data.commentId));
        this.#changed();
        break;
      case "state":
        this.#rule(changed(this.#nextRules, data));
        break;
      case "viewers":
        this.#set("viewers", data.count);
        break;
      case "sampled":
        this.#set("sampled", data);
        break;
      default: // what follows `bye` and `poll` is seen to elsewhere; names to come are for clients to come
    }
  }

  /** Have other rules, once what came together has been read. */
  #rule(rules) {
    this.#nextRules = rules;
    queueMicrotask(() => {
      const same = Object.keys(USUAL).every((name) => this.rules[name] === this.#nextRules[name]);
      if (!same) this.#set("rules", this.#nextRules);
    });
  }

  /** The stream has left a range out: read it from history, where it will be in a moment if it is not there yet. */
  async #fetchSkipped({ from, to }) {
    const last = Number(to);
    this.timeline.newest = Math.max(this.timeline.newest, last);
    let cursor = Number(from) - 1;
    try {
      for (let failures = 0; failures < MEND_TRIES; ) {
        try {
          const { comments } = await this.#service.page({ limit: PAGE_AT_MOST, cursor, sort: "asc" });
          const found = comments.filter(({ number }) => number <= last);
          this.timeline.insert(found);
          this.#changed();
          cursor = found.at(-1)?.number ?? cursor;
          if (cursor === last || found.length < comments.length) return;
          if (comments.length === PAGE_AT_MOST) continue;
          failures += 1;
          await pause(nextWaitMs(failures, 0), this.#stopping.signal);
        } catch (problem) {
          if (!(problem instanceof Problem) || problem.kind === "refused") throw problem;
          failures += 1;
          await pause(nextWaitMs(failures, problem.retryAfterMs), this.#stopping.signal);
        }
      }
      this.#reload({ to }); // it takes longer: the newest page is asked for until it can be had
    } catch (error) {
      if (!this.#stopping.signal.aborted && !(error instanceof Problem)) throw error;
    }
  }

  /** The stream could not bring everything: begin again with the newest page. */
  #reload({ to }) {
    if (to) this.timeline.hole(Number(to));
    else this.timeline.missing ||= 1; // our position meant nothing to the service: the newest page does
    this.#changed();
    this.#mend();
  }

  /** Read what is missing again from history; after reading further up, when the reader has come back. */
  async #mend() {
    if (this.#mending) return;
    this.#mending = true;
    try {
      let pages = 0; // only what history answers counts: while it is away nothing is known about what is missing
      for (let failures = 1; this.timeline.missing && !this.timeline.held; failures += 1) {
        let saidMs = 0;
        try {
          const { comments, complete } = await this.#newestPage(PAGE);
          if (this.timeline.held) return;
          // What is missing may not be in history yet, or, should something have been lost, never.
          pages += 1;
          if (pages >= MEND_TRIES) this.timeline.missing = 0;
          if (this.timeline.fill(comments, complete)) return;
        } catch (problem) {
          if (!(problem instanceof Problem)) throw problem;
          if (problem.kind === "refused") return;
          saidMs = problem.retryAfterMs;
          failures = Math.min(failures, MEND_TRIES - 1);
        }
        await pause(nextWaitMs(failures, saidMs), this.#stopping.signal);
      }
    } catch (error) {
      if (!this.#stopping.signal.aborted) throw error;
    } finally {
      this.#mending = false;
      this.#changed();
    }
  }

  #changed() {
    this.outbox.settle(this.timeline.newest);
    this.dispatchEvent(new Event("change"));
  }

  #become(state) {
    this.#set("state", state);
  }

  #set(name, value) {
    if (this[name] === value) return;
    this[name] = value;
    this.dispatchEvent(new Event(name));
  }
}
