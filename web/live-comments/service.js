/** The service, as far as one video goes: its addresses, each asked with the token, and once more with another one. */

import { Credentials, NO_NEW_TOKEN } from "./credentials.js";
import { fetchJson, notOurs, open, send } from "./http.js";
import { isEdge, Location } from "./location.js";

export const PAGE_AT_MOST = 100; // comments
const EDGE_WITHIN_MS = 3_000; // an edge answers at once, or is out of reach

export class Service {
  credentials;
  #src;
  #video;
  #rules;
  #location;
  #signal;

  /**
   * @param {{video: string, src: string, token: import("./index.d.ts").TokenSource | null, direct: boolean,
   *   signal: AbortSignal}} options  `src` is the address below which `/comments/…` is; empty for this page's own.
   *   `direct`: streams are opened at the edges themselves, where they can be; a cookie would not go there
   */
  constructor({ video, src, token, direct, signal }) {
    this.credentials = new Credentials(token);
    this.#src = src.replace(/\/+$/, "");
    this.#video = `/comments/${encodeURIComponent(video)}`;
    this.#rules = `/videos/${encodeURIComponent(video)}`;
    this.#location = new Location(`${this.#video}/stream`, direct && token !== null);
    this.#signal = signal;
  }

  /** A page of history, oldest first, whichever way it was asked for. */
  async page({ limit, cursor, sort = "desc" }) {
    const query = new URLSearchParams({ limit: String(limit), sort });
    if (cursor !== undefined) query.set("cursor", String(cursor));
    const page = await this.#ask(fetchJson, `${this.#video}?${query}`);
    const comments = numbered(page.comments);
    return { comments: sort === "desc" ? comments.reverse() : comments, nextCursor: page.nextCursor };
  }

  /** The stream from a position on. `signal` ends it. */
  async stream(position, { signal, withinMs }) {
    const either = AbortSignal.any([signal, this.#signal]);
    const headers = { Accept: "text/event-stream", "Last-Event-ID": position };
    for (;;) {
      const url = await this.#location.find((path) => this.#ask(fetchJson, path, { signal: either, withinMs }));
      try {
        const within = isEdge(url) ? Math.min(withinMs, EDGE_WITHIN_MS) : withinMs;
        const response = await this.#ask(open, url, { headers, withinMs: within, signal: either });
        this.#location.reached();
        return response;
      } catch (problem) {
        if (problem.kind !== "away" || problem.code === NO_NEW_TOKEN.code || !isEdge(url)) throw problem;
        this.#location.unreached(url); // another one, or the service's own address
      }
    }
  }

  /** The newest comments, oldest first, the number up to which that is all, how many watch, what the host has set. */
  async snapshot(url = `${this.#video}/snapshot`) {
    const { newest, ...said } = await this.#ask(fetchJson, url, { cache: "no-cache" }); // 304 where nothing is new
    return { ...said, comments: numbered(said.comments), newest: Number(newest ?? 0) };
  }

  /** Whom the token names on this video: `{userId, name?, role, member}`. */
  me() {
    return this.#ask(fetchJson, `${this.#rules}/me`);
  }

  /**
   * Post a comment; a repeat with the same key is the same comment. Returns its id. What is on its way is not called
   * back when the client is stopped: it may have been stored, and its id is worth knowing.
   */
  async post(message, key) {
    const { commentId } = await this.#ask(fetchJson, this.#video, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": key },
      body: JSON.stringify({ message }),
      signal: null,
    });
    if (typeof commentId !== "string") throw notOurs();
    return commentId;
  }

  /** Remove a comment: one's own, or any as a moderator. */
  async remove(id) {
    await this.#ask(send, `${this.#video}/${id}`, { method: "DELETE" });
  }

  /** Shut somebody out, for `forS` seconds or for ever; with `comments`, all that they have said is removed as well. */
  async ban(userId, how) {
    await this.#ask(send, `${this.#rules}/bans/${encodeURIComponent(userId)}`, {
      method: "PUT",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(how),
    });
  }

  /** Ask by one of the ways of `http.js`, with the token; where that is not taken, once more with another one. */
  async #ask(way, path, init = {}) {
    const asked = { signal: this.#signal, ...init };
    const token = await this.credentials.token();
    const url = isEdge(path) ? path : this.#src + path;
    try {
      return await way(url, { ...asked, token });
    } catch (problem) {
      if (problem.kind !== "token" || !(await this.credentials.renew(token))) throw problem;
    }
    return way(url, { ...asked, token: await this.credentials.token() });
  }
}

function numbered(comments) {
  if (!Array.isArray(comments)) throw notOurs();
  return comments.map((comment) => ({ ...comment, number: Number(comment.id) }));
}
