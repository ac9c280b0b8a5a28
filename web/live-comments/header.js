/** The line above the comments: the title, how many watch, how the connection is, and a way back when it has ended. */

import { element, icon } from "./dom.js";
import { whyNot } from "./row.js";

const QUIETLY_MS = 1_500; // a connection that is back by then was hardly away
const SAMPLED_MS = 2_500; // the service says it every second, while it is so
const EYE =
  "M8 3.2C4.6 3.2 2 5.6.9 8c1.1 2.4 3.7 4.8 7.1 4.8S14 10.4 15.1 8C14 5.6 11.4 3.2 8 3.2Zm0 7.6a2.8 2.8 0 1 1 0-5.6 2.8 2.8 0 0 1 0 5.6Z";

export class Header {
  root;
  #title = element("h2", { id: "title", part: "title" });
  #viewers = element("span", { class: "viewers", hidden: true }, icon(EYE), element("span"));
  #state = element("span", { class: "state" });
  #again;
  #does;
  #words;
  #told = null; // what was announced of the connection: "live" or "lost"
  #stateTimer;
  #sampledTimer;

  /**
   * @param {{client: () => import("./client.js").LiveComments | null, announce: (text: string) => void,
   *   again: () => void, whenLost: () => void}} does  `whenLost` puts the focus somewhere when a button goes with it
   */
  constructor(words, does) {
    this.#words = words;
    this.#does = does;
    this.#again = element("button", { type: "button", class: "link", hidden: true, onclick: () => does.again() });
    this.root = element("header", { class: "header", part: "header" }, this.#title, this.#viewers, this.#state, this.#again);
  }

  /** Use other words from now on. */
  say(words) {
    this.#words = words;
    this.#title.textContent = words.title;
    this.#again.textContent = words.again;
    this.showState();
    this.showViewers();
  }

  /** Show nothing later that belongs to a client that is no more. */
  rest() {
    clearTimeout(this.#stateTimer);
    clearTimeout(this.#sampledTimer);
  }

  /** Show the state: at once, or, where it may be over in a moment, in a while. Returns whether it was at once. */
  showStateSoon() {
    clearTimeout(this.#stateTimer);
    const { state } = this.#does.client();
    if (state === "connecting" || state === "away") {
      this.#stateTimer = setTimeout(() => this.showState(), QUIETLY_MS);
      return false;
    }
    this.showState();
    return true;
  }

  showState() {
    clearTimeout(this.#sampledTimer);
    const client = this.#does.client();
    const now = client?.state ?? "connecting";
    this.#state.className = `state ${now}`;
    if (now === "live" && client.polling) this.#state.textContent = this.#words.polling;
    else if (client?.problem) this.#state.textContent = whyNot(client.problem, this.#words);
    else this.#state.textContent = this.#words[now];
    const { activeElement } = /** @type {ShadowRoot} */ (this.root.getRootNode());
    if (now !== "ended" && activeElement === this.#again) this.#does.whenLost();
    this.#again.hidden = now !== "ended";
    const settled = now === "live" ? "live" : now === "connecting" ? null : "lost";
    if (settled && settled !== this.#told && (this.#told || settled === "lost")) {
      this.#does.announce(this.#state.textContent);
    }
    this.#told = settled ?? this.#told;
  }

  /** More comments come than anybody can read: say how many of them are shown, for as long as that is so. */
  showSampled() {
    const { state, sampled } = this.#does.client();
    if (state !== "live") return;
    clearTimeout(this.#sampledTimer);
    this.#state.textContent = this.#words.sampled(sampled.shown, sampled.of);
    this.#sampledTimer = setTimeout(() => this.showState(), SAMPLED_MS);
  }

  showViewers() {
    const viewers = this.#does.client()?.viewers ?? null;
    this.#viewers.hidden = viewers === null;
    if (viewers === null) return;
    this.#viewers.lastElementChild.textContent = viewers.toLocaleString();
    this.#viewers.title = this.#words.viewers(viewers);
  }
}
