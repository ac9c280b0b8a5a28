/**
 * Whose token goes with requests. It is asked for once, and again when the service wants another one: a viewer's clock
 * may be wrong, so nobody but the service says when a token has run out. Without anybody to ask, there is the cookie.
 */

import { Problem } from "./http.js";
import { LATE, within } from "./waiting.js";

const TOKEN_WITHIN_MS = 15_000; // whoever is asked may hang: then they are asked again, after a wait
const STAFF = ["moderator", "host"];

export class Credentials {
  #ask;
  #token = null;
  #asked = false;
  #asking = null;
  #asks = 0;
  #answered = 0; // the last one of those that was
  #userId = null;
  #claims = null; // of the token, or as the service says them; null where nobody does

  /** @param {((renew: boolean) => string | null | Promise<string | null>) | null} ask */
  constructor(ask) {
    this.#ask = ask;
  }

  /** The user whom the token names; null where that is not known. */
  get userId() {
    return this.#userId;
  }

  /** Whether the token moderates a video: for show, as all of this is. The service decides. */
  moderates(video) {
    return STAFF.includes(this.#claims?.role) && this.#lists(video);
  }

  /** Whether the token is a member's on a video; null where that is not known. */
  isMember(video) {
    return this.#claims && (STAFF.includes(this.#claims.role) || this.#claims.member === true) && this.#lists(video);
  }

  #lists(video) {
    const { videos } = this.#claims;
    return Array.isArray(videos) && (videos.includes("*") || videos.includes(video));
  }

  /** Whether there is anybody to ask for another token. */
  get renewable() {
    return this.#ask !== null;
  }

  /** The service has said whom the cookie names on a video: its role there, and whether that is a member's. */
  meet({ userId = null, role, member }, video) {
    if (userId === null) return; // somebody who just reads
    this.#userId = userId;
    this.#claims = { role, member, videos: [video] };
  }

  /** Where that is not known either, one's first own comment says it. */
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
    this.#asks += 1;
    const ask = this.#asks;
    let answer;
    try {
      const answering = Promise.resolve(this.#ask(this.#asked));
      answering.then((token) => this.#take(token, ask)).catch(() => {}); // also one that comes late
      answer = await within(TOKEN_WITHIN_MS, answering);
    } catch (cause) {
      if (cause instanceof Problem) throw cause;
      throw new Problem({ ...NO_NEW_TOKEN, cause });
    }
    if (answer === LATE) throw new Problem(NO_NEW_TOKEN);
  }

  #take(token, ask) {
    if (ask < this.#answered) return;
    this.#answered = ask;
    this.#token = token ?? null;
    this.#asked = true;
    this.#claims = claimsOf(this.#token);
    this.#userId = this.#claims?.sub ?? this.#userId;
  }
}

export const NO_NEW_TOKEN = { kind: "away", code: "no_new_token", detail: "No token could be had." };

/** The claims in a token (a JWT); null where there are none to read. */
function claimsOf(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
