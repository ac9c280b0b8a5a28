/**
 * Whose token goes with requests. It is asked for once, and again when the service wants another one: a viewer's clock
 * may be wrong, so nobody but the service says when a token has run out. Without anybody to ask, there is the cookie.
 */

import { Problem } from "./http.js";

export class Credentials {
  #ask;
  #token = null;
  #asked = false;
  #asking = null;
  #userId = null;

  /** @param {((renew: boolean) => string | null | Promise<string | null>) | null} ask */
  constructor(ask) {
    this.#ask = ask;
  }

  /** The user whom the token names; null where that is not known. */
  get userId() {
    return this.#userId;
  }

  /** Whether there is anybody to ask for another token. */
  get renewable() {
    return this.#ask !== null;
  }

  /** With the cookie, nobody knows who one is before the first comment of one's own. */
  learn(userId) {
    this.#userId ??= userId;
  }

  /** The token to send, null for none. Rejects with a `Problem`. */
  async token() {
    if (!this.#asked) await this.renew(null);
    return this.#token;
  }

  /** Ask for another token than `refused`, unless that has been done. Returns whether there may be one. */
  async renew(refused) {
    if (!this.#ask) return false;
    if (!this.#asked || this.#token === refused) {
      this.#asking ??= this.#fetch().finally(() => {
        this.#asking = null;
      });
      await this.#asking;
    }
    return true;
  }

  async #fetch() {
    try {
      this.#token = (await this.#ask(this.#asked)) ?? null;
    } catch (cause) {
      if (cause instanceof Problem) throw cause;
      throw new Problem({ kind: "away", code: "no_new_token", detail: "No token could be had.", cause });
    }
    this.#asked = true;
    this.#userId = subject(this.#token) ?? this.#userId;
  }
}

/** The user id in a token (a JWT); null where there is none to read. It is for show: the service checks it. */
function subject(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)).sub ?? null;
  } catch {
    return null;
  }
}
