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
import { Gaps } from "./gaps.js";
import { Problem } from "./http.js";
import { Outbox } from "./outbox.js";
import { changed, standing, USUAL } from "./rules.js";
import { Service } from "./service.js";
import { Snapshots } from "./snapshots.js";
import { Timeline } from "./timeline.js";
import { nextWaitMs, pause } from "./waiting.js";

const OLDER_PAGE = 50; // comments
const ORDER_TRIES = 4; // of a moderator's, while the service is away

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
  #gaps;
  #video;
  #nextRules = USUAL;
  #snapshots = new Snapshots();
  #stopping = new AbortController();
  #loadingOlder = false;
  #olderFailures = 0;
  #olderNotBefore = 0;

  /**
   * @param {{video: string, src?: string, token?: (renew: boolean) => string | null | Promise<string | null>,
   *   direct?: boolean, outbox?: Outbox}} options
   *   `token` gives the token to send; with `renew` the last one was not taken. Without it the browser's cookie is
   *   sent. `src` is the service's address, this page's own if there is none. `direct`: the stream is opened at the
   *   edge that has the video, where the service offers that and there is a token. `outbox`: that of an earlier client
   *   of this video, which has been stopped: what it had not sent yet is sent by this one.
   */
  constructor({ video, src = "", token = null, direct = false, outbox = new Outbox() }) {
    super();
    const { signal } = this.#stopping;
    this.#video = video;
    this.#service = new Service({ video, src, token, direct, signal });
    this.outbox = outbox;
    this.#gaps = new Gaps(this.#service, this.timeline, (comments) => this.#took(comments), signal);
    this.#following = new Following(
      this.#service,
      {
        begin: () => this.#begin(),
        rejoin: (position) => this.#gaps.rejoin(position),
        take: (name, data, id) => this.#take(name, data, id),
        snapshot: (snapshot) => this.#takeSnapshot(snapshot),
        become: (state) => this.#set("state", state),
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
    this.outbox.serve(this.#service, () => this.#changed(), signal);
    try {
      await this.#following.run();
    } catch (error) {
      if (signal.aborted) return;
      this.problem = error instanceof Problem ? error : new Problem({ ...BROKEN, cause: error });
      this.#set("state", "ended");
      if (this.problem !== error) throw error; // a defect of ours: to be seen in the console
    }
  }

  stop() {
    this.#stopping.abort();
  }

  /** Post a comment. It is in `pending` at once, and leaves it when the stream has brought it. */
  post(text) {
    // Before the first page is here nobody knows which of one's own comments is an old one: `#begin` says it then.
    this.outbox.add(text, this.#following.position === null ? undefined : this.timeline.newest);
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
      const { comments, nextCursor } = await this.#service.page({ limit: OLDER_PAGE, cursor: oldest.id });
      if (this.timeline.comments[0]?.number !== oldest.number) return false;
      this.timeline.prepend(comments, nextCursor === null);
      this.#olderFailures = 0;
      this.#changed();
      return true;
    } catch (problem) {
      if (this.#stopping.signal.aborted) return false;
      if (!(problem instanceof Problem)) throw problem;
      this.#olderFailures += 1;
      this.#olderNotBefore = Date.now() + nextWaitMs(this.#olderFailures, problem.retryAfterMs);
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
    this.#gaps.mend();
    this.#changed();
  }

  get unread() {
    return this.timeline.unread;
  }

  async #begin() {
    await this.#meet(); // first: a comment's row is drawn with what one may do with it
    const position = await this.#gaps.begin();
    this.outbox.begin(this.timeline.newest);
    return position;
  }

  /** Ask who one is, where the token cannot be read. Not knowing is no reason to stop: it takes a menu or two away. */
  async #meet() {
    const { credentials } = this.#service;
    if (credentials.renewable || credentials.userId !== null) return;
    try {
      credentials.meet(await this.#service.me(), this.#video);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
    }
  }

  #takeSnapshot(snapshot) {
    const { comments, newest, viewers, state } = snapshot;
    for (const number of this.#snapshots.removed(snapshot)) this.timeline.remove(number);
    const first = comments[0]?.number ?? 0;
    if (first > this.timeline.newest) this.timeline.restart(comments, false); // there may be more in between
    else for (const comment of comments) this.timeline.append(comment);
    this.#set("viewers", viewers);
    if (state) this.#rule(changed(USUAL, state));
    this.#took(comments);
    return newest > 0 ? String(newest) : undefined;
  }

  /** Comments have come, by the stream or on a page. */
  #took(comments) {
    const { userId } = this;
    for (const comment of comments) {
      if (userId === null || comment.userId === userId) this.outbox.arrived(comment);
    }
    this.#changed();
  }

  #take(name, data, id) {
    switch (name) {
      case "message": {
        const comment = { ...data, id: data.commentId, number: Number(data.commentId) };
        if (this.timeline.append(comment)) this.#took([comment]);
        break;
      }
      case "sync":
        this.#snapshots.forget();
        this.#rule(USUAL); // what is not as usual follows
        if (!data.complete) this.#gaps.reload(data);
        break;
      case "skipped":
        this.#gaps.skipped(data);
        break;
      case "delete":
        if (data.userId !== undefined) this.timeline.removeBy(data.userId, Number(id) || undefined);
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

  #changed() {
    this.outbox.settle(this.timeline.newest);
    this.dispatchEvent(new Event("change"));
  }

  #set(name, value) {
    if (this[name] === value) return;
    this[name] = value;
    this.dispatchEvent(new Event(name));
  }
}

const BROKEN = { kind: "refused", code: "broken", detail: "Something went wrong on this page." };
