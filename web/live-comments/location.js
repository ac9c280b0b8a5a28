/**
 * Where a video's stream is opened: at the service's own address, or, where that is asked for and offered, at the edge
 * that has the video. The service is asked for the edge anew each time; one that could not be reached is named again
 * only if there is no other. Who cannot reach edges, as behind some firewalls, goes through the service's own address.
 */

const UNREACHED_AT_MOST = 2; // edges in a row
const AGAIN_AFTER_MS = 10 * 60_000; // then it looks whether edges can be reached now

export class Location {
  #direct;
  #path;
  #unreached = 0;
  #avoid = null;
  #notBefore = 0;

  /** @param {string} path the stream's, at the service's own address */
  constructor(path, direct) {
    this.#path = path;
    this.#direct = direct;
  }

  /**
   * The address to open the stream at: an edge's, or the path at the service's own.
   * @param {(path: string) => Promise<{url: string}>} ask asks the service for what is at a path
   */
  async find(ask) {
    if (!this.#direct || Date.now() < this.#notBefore) return this.#path;
    const query = this.#avoid ? `?${new URLSearchParams({ avoid: this.#avoid })}` : "";
    try {
      const { url } = await ask(`${this.#path}/location${query}`);
      return isEdge(url) ? url : this.#path;
    } catch (problem) {
      if (problem.kind === "away" || problem.code === "not_found") return this.#path; // that may be there all the same
      throw problem;
    }
  }

  /** What was found could be opened. */
  reached() {
    this.#unreached = 0;
    this.#avoid = null;
  }

  /** The edge that was found could not be reached. */
  unreached(url) {
    this.#avoid = new URL(url).origin;
    this.#unreached += 1;
    if (this.#unreached < UNREACHED_AT_MOST) return;
    this.reached();
    this.#notBefore = Date.now() + AGAIN_AFTER_MS;
  }
}

/** Whether an address is one of an edge: whole, as those at the service's own address are not. */
export function isEdge(url) {
  return /^https?:\/\//.test(url);
}
