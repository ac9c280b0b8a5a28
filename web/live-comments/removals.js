/**
 * What was removed lately. A page of history that was on its way meanwhile, or comes from a replica that lags behind, has
 * the text all the same: what comes in is held against this, so that nothing that was removed is shown again.
 */

export const NUMBERS_AT_MOST = 1000; // comments that were removed one by one
export const USERS_AT_MOST = 1000; // users all of whose comments were removed

export class Removals {
  #numbers = new Set();
  #users = new Map(); // user id: the number up to which their comments are removed

  add(number) {
    this.#numbers.add(number);
    if (this.#numbers.size > NUMBERS_AT_MOST) this.#numbers.delete(this.#numbers.values().next().value);
  }

  /** All that a user has said up to the number `upTo`: who was let in again may have said more since. */
  addBy(userId, upTo) {
    const known = this.#users.get(userId) ?? 0;
    this.#users.delete(userId); // the newest stand last
    this.#users.set(userId, Math.max(known, upTo));
    if (this.#users.size > USERS_AT_MOST) this.#users.delete(this.#users.keys().next().value);
  }

  /** A comment as it is to be shown. */
  applied(comment) {
    const { number, id, timestamp, userId, deleted } = comment;
    const isGone = this.#numbers.has(number) || number <= (this.#users.get(userId) ?? 0);
    return isGone && !deleted ? { number, id, timestamp, deleted: true } : comment;
  }
}
