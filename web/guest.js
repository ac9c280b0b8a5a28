/** Who is speaking: a guest, as `POST /guests` made it. Kept for this tab, so that a reload is still the same guest. */

import { fetchJson, Problem } from "./live-comments/http.js";

const KEY = "livecomments.guest";
const RENEW_BEFORE_MS = 30_000;

export class Guest {
  #kept;
  #renewing = null;

  constructor(kept) {
    this.#kept = kept;
  }

  /** A new guest; with the token of one, that guest under this name. Rejects with a `Problem`. */
  static async make(name, token = null) {
    return new Guest(await welcome(name, token));
  }

  /** The guest of this tab, null if there is none. */
  static restore() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEY));
      return kept?.token ? new Guest(kept) : null;
    } catch {
      return null;
    }
  }

  get name() {
    return this.#kept.name;
  }

  get userId() {
    return this.#kept.userId;
  }

  /** The token; another one when this one is running out, or was not taken. Rejects with a `Problem`. */
  async token(renew = false) {
    if (renew || Date.now() > this.#kept.until - RENEW_BEFORE_MS) {
      this.#renewing ??= welcome(this.name, this.#kept.token)
        .then((kept) => {
          this.#kept = kept;
        })
        .finally(() => {
          this.#renewing = null;
        });
      await this.#renewing;
    }
    return this.#kept.token;
  }

  /** The same guest under another name. Rejects with a `Problem`. */
  renamed(name) {
    return Guest.make(name, this.#kept.token);
  }
}

/**
 * A token for somebody of that name: `{token, userId, name, expiresInS}`. With a guest's `token` it is still that guest,
 * where the service takes it. Rejects with a `Problem`.
 */
export async function fetchGuest(name, token = null) {
  try {
    return await fetchJson("/guests", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name }),
      token,
    });
  } catch (problem) {
    if (problem.kind === "token" && token !== null) return fetchGuest(name);
    if (problem.code !== "not_found") throw problem;
    throw new Problem({ kind: "refused", code: "no_guests", detail: "This service takes no guests." });
  }
}

async function welcome(name, token) {
  const guest = await fetchGuest(name, token);
  const kept = { ...guest, until: Date.now() + guest.expiresInS * 1000 };
  keep(kept);
  return kept;
}

function keep(kept) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // Storage is switched off: the guest lasts as long as the page.
  }
}

const FIRST = ["Quick", "Sunny", "Brave", "Merry", "Clever", "Gentle", "Lucky", "Swift", "Calm", "Jolly"];
const SECOND = ["Otter", "Robin", "Lynx", "Heron", "Badger", "Falcon", "Marten", "Puffin", "Fox", "Wren"];

/** A name for somebody who has not chosen one yet. */
export function anyName() {
  const one = (list) => list[Math.floor(Math.random() * list.length)];
  return `${one(FIRST)} ${one(SECOND)}`;
}
