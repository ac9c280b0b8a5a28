/**
 * The comments in the document: a window of at most `SHOWN_AT_MOST` rows onto the timeline, and below it what is on its
 * way out. It follows the newest, and stays where it is while somebody reads further up.
 *
 * Nothing that is on screen ever jumps. Rows are added below and scrolled into view; those at the top are taken away
 * many at once, in a frame in which nothing is added, so that what is seen stays where it is.
 */

import { Pace } from "./pace.js";
import { Rows } from "./rows.js";

const SHOWN_AT_MOST = 200; // rows, those on their way out included
const TRIMMED_TO = 150;
const STEP = 50; // rows that come in at the top or the bottom when the reader gets there
const NEAR_PX = 400;
const AT_END_PX = 40;
const MOVED_PX = 4; // upwards, and somebody has scrolled
const COASTING_MS = 400; // a movement that was under way when somebody asked for the newest is none that they make now
const LIVELY_PER_S = 8; // comments a second; faster ones do not each come in with a movement of their own
const POLLED_SPREAD_MS = 2_000;
const REACH_AGAIN_MS = 1_000; // what is older could not be had: while somebody waits for it, it is asked for again

export class CommentList {
  #client;
  #scroller;
  #list;
  #does;
  #rows;
  #pace = new Pace();
  #seen = 0; // the newest number that has been taken note of
  #following = true;
  #first = 0; // number of the first comment in the window
  #end = 0; // number of the last one, while somebody reads further up
  #top = 0; // where the scroller was put last
  #followedMs = Number.NEGATIVE_INFINITY;
  #arrivals = []; // times of comments, over the last second
  #frame = 0;
  #reaching = false; // older comments are wanted, and not here yet
  #reachAgain;
  #open = new AbortController();
  #resized;

  /**
   * @param {import("./client.js").LiveComments} client
   * @param {{scroller: HTMLElement, list: HTMLElement}} parts
   * @param {{drawn: Function, arrived: Function, may: Function, offer: Function, again: Function, edit: Function, discard: Function, me: Function}} does
   */
  constructor(client, { scroller, list }, words, does) {
    this.#client = client;
    this.#scroller = scroller;
    this.#list = list;
    this.#does = does;
    const { signal } = this.#open;
    this.#rows = new Rows({ scroller, list }, words, does, signal);
    client.addEventListener("change", () => this.#soon(), { signal });
    client.addEventListener("state", () => this.#note(performance.now(), false), { signal });
    // A hidden page draws nothing. What has come meanwhile is there at once, and is no news to read out.
    document.addEventListener("visibilitychange", () => this.#note(performance.now(), false), { signal });
    scroller.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
    for (const begun of ["keydown", "wheel", "touchstart", "pointerdown"]) {
      const moves = () => {
        this.#followedMs = Number.NEGATIVE_INFINITY;
      };
      scroller.addEventListener(begun, moves, { signal, passive: true });
    }
    this.#resized = new ResizeObserver(() => this.#following && this.#toEnd());
    // What stands in it too: a note above the rows that appears would leave the newest one half out of sight.
    for (const part of [scroller, ...scroller.children]) this.#resized.observe(part);
    this.#soon();
  }

  /** Whether the newest comments are in view. */
  get following() {
    return this.#following;
  }

  /** Whether there is nothing older than what is shown. */
  get atBeginning() {
    const { timeline } = this.#client;
    return timeline.complete && (timeline.comments[0]?.number ?? 0) >= this.#first;
  }

  get isEmpty() {
    return this.#rows.size === 0;
  }

  /** Whether somebody waits for older comments. */
  get reaching() {
    return this.#reaching;
  }

  /** Leave the elements to another list. */
  close() {
    this.#open.abort();
    this.#resized.disconnect();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#reachAgain);
    this.#rows.clear();
  }

  /** Show the newest comments, and go on doing so; also when the list is still `coasting` from a movement. */
  follow({ coasting = false } = {}) {
    if (coasting) this.#followedMs = performance.now();
    this.#goOn();
    this.#toEnd(); // also where no row has come meanwhile
  }

  #goOn() {
    this.#following = true;
    this.#client.resume();
    this.#pace.flush(this.#client.timeline.newest);
    this.#draw();
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.#open.signal.aborted) this.#draw();
    });
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const below = scrollHeight - clientHeight - scrollTop;
    const { comments } = this.#client.timeline;
    const last = comments.at(-1)?.number ?? 0;
    if (this.#following && scrollTop < this.#top - MOVED_PX && below > MOVED_PX) {
      if (performance.now() - this.#followedMs < COASTING_MS) {
        this.#toEnd();
        return;
      }
      this.#hold();
    } else if (!this.#following && below < AT_END_PX && scrollTop >= this.#top && this.#end >= last) {
      this.#goOn();
    } else if (!this.#following && below < NEAR_PX && this.#end < last) {
      const at = comments.findIndex((comment) => comment.number > this.#end);
      this.#end = comments[Math.min(at + STEP, comments.length) - 1].number;
      this.#first = this.#startOf(comments);
      this.#draw();
    }
    this.#top = scrollTop;
    if (!this.#following) this.#rows.setTabStop(null, this.#seenTo);
    this.#reachUp();
  }

  #hold() {
    const { timeline } = this.#client;
    this.#following = false;
    this.#end = this.#shownUpTo(performance.now());
    this.#client.hold();
    timeline.unread = timeline.comments.filter(({ number }) => number > this.#end).length;
    this.#draw();
  }

  /** Bring in older comments when the top is near, and let go of as many at the bottom. */
  async #reachUp() {
    clearTimeout(this.#reachAgain);
    const { timeline } = this.#client;
    const isWanted = () => !this.#following && !this.#open.signal.aborted && this.#scroller.scrollTop < NEAR_PX;
    const isMissing = () => !timeline.complete && timeline.comments[0]?.number >= this.#first;
    this.#waitForOlder(isWanted() && isMissing());
    if (!isWanted()) return;
    if (timeline.comments[0]?.number >= this.#first && !(await this.#client.older())) {
      clearTimeout(this.#reachAgain);
      this.#waitForOlder(isWanted() && isMissing());
      if (this.#reaching) this.#reachAgain = setTimeout(() => this.#reachUp(), REACH_AGAIN_MS);
      return;
    }
    this.#waitForOlder(false);
    if (this.#following || this.#open.signal.aborted) return;
    const { comments } = timeline;
    const first = Math.max(comments.findIndex(({ number }) => number >= this.#first) - STEP, 0);
    const end = Math.min(first + SHOWN_AT_MOST, comments.length);
    this.#first = comments[first].number;
    this.#end = Math.min(this.#end, comments[end - 1].number);
    this.#draw();
  }

  #waitForOlder(reaching) {
    if (reaching === this.#reaching || this.#open.signal.aborted) return;
    this.#reaching = reaching;
    this.#does.drawn();
  }

  /** The first number of a window that ends at `#end`. */
  #startOf(comments) {
    const end = comments.findLastIndex(({ number }) => number <= this.#end) + 1;
    return Math.max(this.#first, comments[Math.max(end - SHOWN_AT_MOST, 0)]?.number ?? 0);
  }

  /** Take note of comments that have arrived since the last time. What comes before the stream is live was said before. */
  #note(now, live = this.#client.state === "live") {
    const { timeline, outbox, userId, polling } = this.#client;
    if (timeline.newest === this.#seen) return;
    const at = timeline.comments.findIndex(({ number }) => number > this.#seen);
    const come = at < 0 ? [] : timeline.comments.slice(at);
    this.#seen = timeline.newest;
    const own = come.some((comment) => comment.userId === userId) || outbox.entries.some(({ guess }) => guess);
    if (live && this.#following && !own) {
      this.#pace.arrived(come.map(({ number }) => number), now, polling ? POLLED_SPREAD_MS : undefined);
    } else {
      this.#pace.flush(timeline.newest);
    }
    this.#arrivals = [...this.#arrivals.filter((time) => time > now - 1000), ...come.map(() => now)].slice(-100);
    this.#list.classList.toggle("lively", this.#arrivals.length > LIVELY_PER_S);
    const others = come.filter((comment) => comment.userId !== userId && !comment.deleted);
    if (live && others.length > 0 && this.#following) this.#does.arrived(others);
  }

  #draw() {
    const now = performance.now();
    this.#note(now);
    if (this.#following) this.#drawNewest(this.#shownUpTo(now));
    else this.#drawReading();
    if (this.#pace.waiting > 0 && this.#following) this.#soon();
    this.#does.drawn();
  }

  /** Where nothing waits all is to be seen: also what came late, to a place before the newest number that is known. */
  #shownUpTo(now) {
    const upTo = this.#pace.upTo(now);
    return this.#pace.waiting > 0 ? upTo : this.#client.timeline.newest;
  }

  #drawNewest(upTo) {
    const { timeline, outbox } = this.#client;
    const { comments } = timeline;
    const pending = outbox.shown;
    const end = comments.findLastIndex(({ number }) => number <= upTo) + 1;
    let first = Math.max(comments.findIndex(({ number }) => number >= this.#first), 0);
    if (end - first + pending.length > SHOWN_AT_MOST) {
      first = Math.max(end + pending.length - TRIMMED_TO, 0);
      this.#first = comments[first]?.number ?? 0;
      // The rows of the frame before, less the first ones: what is new comes in the next frame.
      if (this.#trim()) {
        this.#soon();
        return;
      }
    }
    this.#first = comments[first]?.number ?? 0;
    if (this.#rows.arrange(comments.slice(first, end), pending)) this.#toEnd();
  }

  /** Take away the rows before the window, leaving the rest where it is. False: there is no rest. */
  #trim() {
    const { scrollTop, scrollHeight } = this.#scroller;
    const removed = this.#rows.removeBefore(this.#first);
    if (this.#rows.size === 0) return false;
    if (removed > 0) this.#moveTo(scrollTop - (scrollHeight - this.#scroller.scrollHeight));
    return removed > 0;
  }

  #drawReading() {
    const { timeline, outbox } = this.#client;
    const { comments } = timeline;
    const window = comments.filter(({ number }) => number >= this.#first && number <= this.#end);
    const atEnd = window.at(-1) === comments.at(-1);
    const anchor = this.#rows.anchor();
    this.#rows.arrange(window, atEnd ? outbox.shown : []);
    this.#rows.setTabStop(null, this.#seenTo);
    if (anchor) this.#moveTo(anchor.row.offsetTop - anchor.fromTop);
  }

  /** How far down in the list something is in view. */
  get #seenTo() {
    return this.#following ? Infinity : this.#scroller.scrollTop + this.#scroller.clientHeight;
  }

  #toEnd() {
    this.#moveTo(this.#scroller.scrollHeight);
  }

  #moveTo(top) {
    this.#scroller.scrollTop = top;
    this.#top = this.#scroller.scrollTop;
  }
}
