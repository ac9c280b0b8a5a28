/**
 * What the stream did not bring: the newest page to begin with, and what is missing, read from history and put where it
 * belongs. What is said to be missing is in history already, or will be in a moment.
 */

import { NO_NEW_TOKEN } from "./credentials.js";
import { Problem } from "./http.js";
import { PAGE_AT_MOST } from "./service.js";
import { nextWaitMs, pause } from "./waiting.js";

const PAGE = 50; // comments
const TRIES = 5;
const RANGE_AT_MOST = 500; // comments that were left out and are fetched one and all; of more, the newest page is
const FROM_THE_BEGINNING = "0";

export class Gaps {
  #service;
  #timeline;
  #took;
  #signal;
  #mending = false;

  /**
   * @param {import("./service.js").Service} service
   * @param {import("./timeline.js").Timeline} timeline
   * @param {(comments: object[]) => void} took  is told what a page has brought
   * @param {AbortSignal} signal
   */
  constructor(service, timeline, took, signal) {
    this.#service = service;
    this.#timeline = timeline;
    this.#took = took;
    this.#signal = signal;
  }

  /** Read the newest page. Resolves to the position from which the stream goes on. */
  async begin() {
    const { comments, complete } = await this.#newestPage(PAGE);
    this.#timeline.fill(comments, complete);
    this.#took(comments);
    return comments.at(-1)?.id ?? FROM_THE_BEGINNING;
  }

  /** After a long time away: what was missed comes by the stream if it is little, else as the newest page. */
  async rejoin(position) {
    const { comments, complete } = await this.#newestPage(PAGE_AT_MOST);
    if (complete || comments.length === 0 || comments[0].number <= Number(position)) return position;
    this.#timeline.restart(comments, complete);
    this.#took(comments);
    return comments.at(-1).id;
  }

  /** The stream has left a range out. */
  async skipped({ from, to, count }) {
    if (count > RANGE_AT_MOST) return this.reload({ to });
    const last = Number(to);
    this.#timeline.newest = Math.max(this.#timeline.newest, last);
    try {
      if (!(await this.#fetchRange(Number(from) - 1, last))) this.reload({ to }); // the newest page is asked for instead
    } catch (error) {
      if (!this.#signal.aborted && !(error instanceof Problem)) throw error;
    }
    return undefined;
  }

  /** Read what comes after `cursor`, up to `last`. False: it cannot be had yet. */
  async #fetchRange(cursor, last) {
    for (let failures = 0; failures < TRIES; ) {
      let saidMs = 0;
      try {
        const { comments } = await this.#service.page({ limit: PAGE_AT_MOST, cursor, sort: "asc" });
        const found = comments.filter(({ number }) => number <= last);
        this.#timeline.insert(found);
        this.#took(found);
        cursor = found.at(-1)?.number ?? cursor;
        if (cursor === last || found.length < comments.length) return true;
        if (comments.length === PAGE_AT_MOST) continue;
      } catch (problem) {
        if (!(problem instanceof Problem) || problem.kind === "refused") throw problem;
        saidMs = problem.retryAfterMs;
      }
      failures += 1;
      await pause(nextWaitMs(failures, saidMs), this.#signal);
    }
    return false;
  }

  /** The stream could not bring everything, up to `to` where that is known: begin again with the newest page. */
  reload({ to }) {
    if (to) this.#timeline.hole(Number(to));
    else this.#timeline.missing ||= 1; // our position meant nothing to the service: the newest page does
    this.#took([]);
    this.mend();
  }

  /** Read what is missing again from history; after reading further up, when the reader has come back. */
  async mend() {
    if (this.#mending) return;
    this.#mending = true;
    try {
      await this.#fillMissing();
    } catch (error) {
      if (!this.#signal.aborted) throw error;
    } finally {
      this.#mending = false;
      this.#took([]);
    }
  }

  async #fillMissing() {
    const timeline = this.#timeline;
    let pages = 0; // only what history answers counts: while it is away nothing is known about what is missing
    for (let failures = 1; timeline.missing && !timeline.held; failures += 1) {
      let saidMs = 0;
      try {
        const { comments, complete } = await this.#newestPage(PAGE);
        if (timeline.held) return;
        // What is missing may not be in history yet, or, should something have been lost, never.
        pages += 1;
        if (pages >= TRIES) timeline.missing = 0;
        if (timeline.fill(comments, complete)) {
          this.#took(comments);
          return;
        }
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (problem.kind === "refused") return;
        saidMs = problem.retryAfterMs;
        failures = Math.min(failures, TRIES - 1);
      }
      await pause(nextWaitMs(failures, saidMs), this.#signal);
    }
  }

  /** The newest page of history, or, while there is no history to be had, what the edge has. */
  async #newestPage(limit) {
    try {
      const { comments, nextCursor } = await this.#service.page({ limit });
      return { comments, complete: nextCursor === null };
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.kind !== "away" || problem.code === NO_NEW_TOKEN.code) throw problem;
      const { comments } = await this.#service.snapshot().catch(() => {
        throw problem;
      });
      return { comments, complete: false };
    }
  }
}
