/**
 * The comments that are kept in memory: in order, each once, without a hole, and never too many.
 *
 * comment  {number, id, userId, message, timestamp, name?, role?}, or {number, id, timestamp, deleted: true}
 *
 * Numbers rise with time, and the stream brings them in order, so "seen already" is one comparison.
 *
 * While somebody reads further up (`held`), what they read stays where it is. What does not fit, or comes after a hole,
 * waits in `#tail` until they come back.
 */

import { Removals } from "./removals.js";

export const KEPT_AT_MOST = 1000;
const TAIL_AT_MOST = 200;

export class Timeline {
  comments = [];
  newest = 0; // the highest number ever taken, kept or not
  unread = 0; // comments that came while `held`
  complete = false; // there is nothing older
  missing = 0; // comments up to this number are missing right before what is newest here; 0: none are
  held = false;
  #tail = null; // the newest comments, while they cannot follow `comments`; null: they do
  #removals = new Removals();

  /** Take a comment of the stream. False: it was here before. */
  append(comment) {
    if (comment.number <= this.newest) return false;
    this.newest = comment.number;
    if (this.held) this.unread += 1;
    const shown = this.#removals.applied(comment);
    if (this.#tail) {
      this.#tail.push(shown);
    } else {
      this.comments.push(shown);
      if (this.comments.length > KEPT_AT_MOST) {
        if (this.held) this.#tail = [this.comments.pop()];
        else this.#forgetOldest();
      }
    }
    this.#boundTail();
    return true;
  }

  /** Take comments, in order, that the stream left out and that belong somewhere among those that are here. */
  insert(found) {
    const tailFrom = this.#tail?.[0]?.number ?? Number.POSITIVE_INFINITY;
    const oldest = this.comments[0]?.number ?? 0;
    const into = (list, some) => {
      const known = new Set(list.map(({ number }) => number));
      const merged = [...list, ...this.#taken(some).filter(({ number }) => !known.has(number))];
      return merged.sort((one, other) => one.number - other.number);
    };
    const before = this.comments.length;
    this.comments = into(
      this.comments,
      found.filter(({ number }) => number < tailFrom && (number > oldest || this.complete)),
    );
    if (this.held) this.unread += this.comments.length - before;
    if (this.#tail) this.#tail = into(this.#tail, found.filter(({ number }) => number > tailFrom));
    this.newest = Math.max(this.newest, found.at(-1)?.number ?? 0);
    if (this.held) this.#moveToTail();
    while (this.comments.length > KEPT_AT_MOST) this.#forgetOldest();
    this.#boundTail();
  }

  /** Take an older page, oldest first. The newest comments make room for it. */
  prepend(page, complete) {
    const first = this.comments[0]?.number ?? Number.POSITIVE_INFINITY;
    this.comments = [...this.#taken(page).filter((comment) => comment.number < first), ...this.comments];
    this.complete = complete;
    // Who has gone back to the newest meanwhile follows those: nothing new may wait in the tail then.
    while (!this.held && this.comments.length > KEPT_AT_MOST) this.#forgetOldest();
    this.#moveToTail();
    this.#boundTail();
  }

  /** The stream could not bring all comments up to the number `to`. */
  hole(to) {
    this.missing = Math.max(this.missing, to);
    const after = (comment) => comment.number > to;
    const newer = [...this.comments, ...(this.#tail ?? [])].filter(after);
    if (this.held) {
      this.comments = this.comments.filter((comment) => !after(comment));
      this.#tail = newer;
    } else {
      this.comments = newer;
      this.complete = false;
    }
  }

  /** Fill what is missing with the newest page, oldest first. False: it does not reach far enough yet. */
  fill(page, complete) {
    const last = page.at(-1)?.number ?? 0;
    if (last < this.missing) return false;
    this.comments = [...this.#taken(page), ...this.comments.filter((comment) => comment.number > last)];
    this.newest = Math.max(this.newest, last);
    this.complete = complete;
    this.missing = 0;
    return true;
  }

  /** Begin again with the newest page: so much was missed that what was here before is history. */
  restart(page, complete) {
    const first = page[0]?.number ?? 0;
    if (this.held) {
      this.hole(first - 1);
      for (const comment of page) this.append(comment);
    } else {
      this.comments = [];
      this.missing = 0;
      this.fill(page, complete);
    }
  }

  /** Go back to the newest comments. */
  release() {
    this.held = false;
    this.unread = 0;
    if (!this.#tail) return;
    // With comments missing in between, only the tail is without a hole.
    this.comments = this.missing ? this.#tail : [...this.comments, ...this.#tail];
    if (this.missing) this.complete = false;
    this.#tail = null;
    while (this.comments.length > KEPT_AT_MOST) this.#forgetOldest();
  }

  /** Show a comment as deleted, now or whenever it comes. */
  remove(number) {
    this.#removals.add(number);
    this.#applyRemovals();
  }

  /** Show all comments of a user as deleted, up to the number `upTo`: those that are known now, if it is left out. */
  removeBy(userId, upTo = this.newest) {
    this.#removals.addBy(userId, upTo);
    this.#applyRemovals();
  }

  #applyRemovals() {
    this.comments = this.#taken(this.comments);
    if (this.#tail) this.#tail = this.#taken(this.#tail);
  }

  #taken(comments) {
    return comments.map((comment) => this.#removals.applied(comment));
  }

  #forgetOldest() {
    this.comments.shift();
    this.complete = false;
  }

  #moveToTail() {
    const tooMany = this.comments.splice(KEPT_AT_MOST);
    if (tooMany.length > 0) this.#tail = [...tooMany, ...(this.#tail ?? [])];
  }

  #boundTail() {
    while (this.#tail && this.#tail.length > TAIL_AT_MOST) this.missing = this.#tail.shift().number;
  }
}
