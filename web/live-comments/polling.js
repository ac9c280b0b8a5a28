/**
 * Polling the snapshot for a while, where a stream cannot be had: at the pace that was told, more slowly in need, and
 * seldom while nobody sees the page.
 */

import { Problem } from "./http.js";
import { nextWaitMs, pause, untilSeen } from "./waiting.js";

const HIDDEN_EVERY_MS = 30_000; // as long as nobody sees the page; it asks at once when somebody does

export class Polling {
  active = false;
  #service;
  #signal;

  /** @param {import("./service.js").Service} service */
  constructor(service, signal) {
    this.#service = service;
    this.#signal = signal;
  }

  /**
   * Poll the snapshot at `url` (without it: the usual one) until it is time to ask for a stream again, and at least as
   * long as the service said last. Resolves to false when there is no snapshot to be had either. Rejects with the
   * `Problem` after which there is no point in going on.
   * @param {{url?: string, intervalMs: number}} how
   * @param {number} forMs
   * @param {{take: (snapshot: object) => void, become: (state: string) => void, refused: (problem: Problem) => void}}
   *   does  `refused` rejects a token, for good by throwing
   */
  async run({ url, intervalMs }, forMs, does) {
    const until = Date.now() + forMs;
    for (let failures = 0, first = true; Date.now() < until; first = false) {
      let waitMs = Math.min(nextWaitMs(1, intervalMs), Math.max(until - Date.now(), 1));
      try {
        does.take(await this.#service.snapshot(url));
        failures = 0;
        this.active = true;
        does.become("live");
      } catch (problem) {
        if (!(problem instanceof Problem) || problem.kind === "refused") throw problem;
        if (problem.kind === "token") does.refused(problem);
        else if (first && problem.kind === "away") return false;
        failures += 1;
        waitMs = nextWaitMs(failures, Math.max(problem.retryAfterMs, intervalMs));
        does.become("away");
      }
      await pause(waitMs, this.#signal);
      await untilSeen(HIDDEN_EVERY_MS - waitMs, this.#signal);
    }
    return true;
  }
}
