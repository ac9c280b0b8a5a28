/**
 * Spreads comments that arrive together over the time until the next ones come, so that a chat flows where the network
 * brings it in bursts. Pure: times come in as arguments, in milliseconds.
 *
 * A comment that comes alone is shown at once, and the wait of all others is bounded by `LONGEST_MS`.
 */

const LONGEST_MS = 150; // what spreading adds to a comment's way at most; more only where comments come by polling
const PAUSE_MS = 1_000; // arrivals further apart say nothing of when the next ones come
const WEIGHT = 0.3; // of the newest gap among those before it
const BURST = 60; // comments at once: nobody reads these one by one, as after an absence

export class Pace {
  #waiting = []; // {number, dueMs}, in order
  #shown = 0;
  #arrivedMs = Number.NEGATIVE_INFINITY;
  #gapMs = 0;

  /** Comments up to this number are to be shown now. */
  upTo(nowMs) {
    let due = 0;
    while (due < this.#waiting.length && this.#waiting[due].dueMs <= nowMs) due += 1;
    if (due > 0) this.#shown = this.#waiting.splice(0, due).at(-1).number;
    return this.#shown;
  }

  /** How many wait. */
  get waiting() {
    return this.#waiting.length;
  }

  /** Take in what has arrived. `longestMs` may be more than usual, where comments come further apart. */
  arrived(numbers, nowMs, longestMs = LONGEST_MS) {
    const gapMs = nowMs - this.#arrivedMs;
    this.#arrivedMs = nowMs;
    if (gapMs < Math.max(PAUSE_MS, longestMs * 2)) this.#gapMs += WEIGHT * (gapMs - this.#gapMs);
    const all = [...this.#waiting.map(({ number }) => number), ...numbers];
    if (all.length > BURST) {
      this.flush(all.at(-1));
      return;
    }
    const stepMs = Math.min(this.#gapMs, longestMs) / all.length;
    this.#waiting = all.map((number, place) => ({ number, dueMs: nowMs + place * stepMs }));
  }

  /** Show everything up to `number` at once, without spreading it. */
  flush(number) {
    this.#waiting = this.#waiting.filter((one) => one.number > number);
    this.#shown = Math.max(this.#shown, number);
  }
}
