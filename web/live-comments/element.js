/**
 * `<live-comments video="…" src="…">`: a video's comments, and a field to add one. It fills the box that it is given.
 *
 * attributes   video      which video; changing it moves on to another one
 *              src        the service's address; this page's own without it
 *              direct     the stream is opened at the edge that has the video, where the service offers that
 *              readonly   no field to write in
 *              overlay    made to lie over a picture
 * properties   token      `(renew) => token`, see `LiveComments`; without it the browser's cookie is sent
 *              me         {name, userId}: how the viewer's own comments look until they are stored
 *              words      what replaces words of `WORDS`
 *              client     the `LiveComments` behind it, null while there is no video
 * events       state, viewers, sampled, rules   as those of `LiveComments`
 * slots        foot       below the field
 */

import { Announcer } from "./announcer.js";
import { LiveComments } from "./client.js";
import { Composer } from "./composer.js";
import { element, icon } from "./dom.js";
import { CommentList } from "./list.js";
import { Moderating } from "./moderating.js";
import { whyNot } from "./row.js";
import { styles } from "./styles.js";
import { wordsWith } from "./words.js";

const QUIETLY_MS = 1_500; // a connection that is back by then was hardly away
const SAMPLED_MS = 2_500; // the service says it every second, while it is so
const TOLD_MS = 6_000;
const ARROW_DOWN = "M8 12.5 3 7.5l1.2-1.2L7.2 9.3V3h1.6v6.3l3-3L13 7.5Z";
const EYE =
  "M8 3.2C4.6 3.2 2 5.6.9 8c1.1 2.4 3.7 4.8 7.1 4.8S14 10.4 15.1 8C14 5.6 11.4 3.2 8 3.2Zm0 7.6a2.8 2.8 0 1 1 0-5.6 2.8 2.8 0 0 1 0 5.6Z";

export class LiveCommentsElement extends HTMLElement {
  static observedAttributes = ["video", "src", "direct", "readonly"];

  client = null;
  #token = null;
  #me = null;
  #words = wordsWith({});
  #parts;
  #composer;
  #announcer;
  #moderating = new Moderating({
    client: () => this.client,
    words: () => this.#words,
    tell: (text) => this.#tell(text),
    whenLost: () => this.#parts.scroller.focus({ preventScroll: true }),
  });
  #list = null;
  #starting = false;
  #told = null; // what was announced of the connection: "live" or "lost"
  #stateTimer;
  #sampledTimer;
  #standingTimer;
  #toldTimer;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styles];
    this.#composer = new Composer(this.#words, {
      post: (text) => this.#post(text),
      mayPost: () => this.client !== null && !this.client.outbox.full,
    });
    this.#parts = this.#makeParts();
    this.#announcer = new Announcer(this.#parts.announced, () => this.#words);
    root.append(...this.#parts.top);
    this.#say();
  }

  connectedCallback() {
    for (const name of ["token", "me", "words"]) {
      if (!Object.hasOwn(this, name)) continue; // set before this was an element of this kind
      const value = this[name];
      delete this[name];
      this[name] = value;
    }
    this.#startSoon();
  }

  disconnectedCallback() {
    this.#stop();
  }

  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name === "readonly") this.#composer.form.hidden = now !== null;
    else this.#startSoon();
  }

  get video() {
    return this.getAttribute("video");
  }

  set video(video) {
    this.setAttribute("video", video);
  }

  get src() {
    return this.getAttribute("src") ?? "";
  }

  set src(src) {
    this.setAttribute("src", src);
  }

  get direct() {
    return this.hasAttribute("direct");
  }

  set direct(direct) {
    this.toggleAttribute("direct", direct);
  }

  get token() {
    return this.#token;
  }

  set token(token) {
    this.#token = token;
    this.#startSoon();
  }

  get me() {
    return this.#me;
  }

  set me(me) {
    this.#me = me;
  }

  get words() {
    return this.#words;
  }

  set words(words) {
    this.#words = wordsWith(words);
    this.#say();
    if (this.client) this.#showList();
  }

  get state() {
    return this.client?.state ?? "connecting";
  }

  get viewers() {
    return this.client?.viewers ?? null;
  }

  /** Put the cursor into the field. */
  focus(options) {
    this.#composer.focus(options);
  }

  #makeParts() {
    const title = element("h2", { id: "title", part: "title" });
    const viewers = element("span", { class: "viewers", hidden: true }, icon(EYE), element("span"));
    const state = element("span", { class: "state" });
    const again = element("button", { type: "button", class: "link", hidden: true, onclick: () => this.#start() });
    const header = element("header", { class: "header", part: "header" }, title, viewers, state, again);
    const note = element("p", { class: "note", hidden: true });
    const list = element("ol", { class: "list", part: "list" });
    const scroller = element("div", { class: "scroller", role: "log", "aria-live": "off", tabindex: 0 }, note, list);
    const newerText = element("span");
    const newer = element(
      "button",
      { type: "button", class: "newer", part: "newer", hidden: true, onclick: () => this.#backToNewest() },
      newerText,
      icon(ARROW_DOWN),
    );
    const told = element("p", { class: "told", hidden: true });
    const above = element("div", { class: "above-composer" }, newer, told);
    const announced = element("p", { class: "only-read", "aria-live": "polite" });
    scroller.addEventListener("keydown", (event) => {
      if (event.key === "End" && !event.defaultPrevented) this.#list?.follow();
    });
    const foot = element("slot", { name: "foot" });
    const top = [header, scroller, above, announced, this.#composer.form, foot, this.#moderating.menu.root];
    return { top, title, viewers, state, again, note, list, scroller, newer, newerText, told, announced };
  }

  /** Put the words where they belong. */
  #say() {
    const { title, scroller, again } = this.#parts;
    title.textContent = this.#words.title;
    scroller.setAttribute("aria-label", this.#words.log);
    again.textContent = this.#words.again;
    this.#composer.say(this.#words);
    this.#showState();
    this.#showViewers();
    this.#showStanding();
    if (this.#list) this.#drawn();
  }

  /** Once whoever makes this element has set all that it needs. */
  #startSoon() {
    if (this.#starting) return;
    this.#starting = true;
    queueMicrotask(() => {
      this.#starting = false;
      if (this.isConnected) this.#start();
    });
  }

  #start() {
    this.#stop();
    const { video, src, direct } = this;
    if (!video) return;
    const client = new LiveComments({ video, src, token: this.#token, direct });
    this.client = client;
    for (const name of ["state", "viewers", "sampled", "rules"]) {
      client.addEventListener(name, () => this.dispatchEvent(new Event(name)));
    }
    client.addEventListener("state", () => this.#showStateSoon());
    client.addEventListener("viewers", () => this.#showViewers());
    client.addEventListener("sampled", () => this.#showSampled());
    client.addEventListener("change", () => this.#showStanding());
    client.addEventListener("rules", () => this.#showStanding({ announced: true }));
    this.#showList();
    this.#showState();
    this.#showViewers();
    this.#showStanding();
    client.start();
  }

  #stop() {
    clearTimeout(this.#stateTimer);
    clearTimeout(this.#sampledTimer);
    clearTimeout(this.#standingTimer);
    this.#moderating.menu.close();
    this.#announcer.close();
    this.#list?.close();
    this.client?.stop();
    this.#list = null;
    this.client = null;
  }

  #showList() {
    const { client } = this;
    this.#list?.close();
    client.resume();
    this.#list = new CommentList(client, this.#parts, this.#words, {
      me: () => this.#me,
      drawn: () => this.#drawn(),
      may: (comment) => this.#moderating.may(comment),
      offer: (comment, button) => this.#moderating.offer(comment, button),
      arrived: (comments) => this.#announcer.arrived(comments),
      again: (entry) => client.outbox.again(entry),
      discard: (entry) => client.outbox.discard(entry),
      edit: (entry) => {
        client.outbox.discard(entry);
        this.#composer.edit(entry.text);
      },
    });
  }

  #post(text) {
    const { client } = this;
    client.post(text);
    this.#list.follow();
    const entry = client.outbox.entries.at(-1);
    const tell = () => {
      if (entry.state === "failed") this.#announcer.notice(this.#words.notSent(whyNot(entry.problem, this.#words)));
      if (entry.state === "failed" || entry.state === "sent") client.removeEventListener("change", tell);
    };
    client.addEventListener("change", tell);
  }

  #backToNewest() {
    this.#list.follow({ coasting: true });
    this.#parts.scroller.focus({ preventScroll: true }); // the button goes away
  }

  /** The list has been drawn: show what goes with it. */
  #drawn() {
    const { note, newer, newerText } = this.#parts;
    const { isEmpty, atBeginning, following } = this.#list;
    const unread = this.client.unread;
    newer.hidden = following;
    newerText.textContent = unread > 0 ? this.#words.newComments(unread) : this.#words.newest;
    note.hidden = this.state === "connecting" ? isEmpty || !atBeginning : !isEmpty && !atBeginning;
    note.textContent = isEmpty ? this.#words.empty : this.#words.beginning;
  }

  #showStateSoon() {
    clearTimeout(this.#stateTimer);
    if (this.state === "connecting" || this.state === "away") {
      this.#stateTimer = setTimeout(() => this.#showState(), QUIETLY_MS);
    } else {
      this.#showState();
      this.#showStanding();
      if (this.#list) this.#drawn();
    }
  }

  #showState() {
    clearTimeout(this.#sampledTimer);
    this.#sampledTimer = undefined;
    const { state, again } = this.#parts;
    const now = this.state;
    state.className = `state ${now}`;
    if (now === "live" && this.client.polling) state.textContent = this.#words.polling;
    else if (this.client?.problem) state.textContent = whyNot(this.client.problem, this.#words);
    else state.textContent = this.#words[now];
    again.hidden = now !== "ended";
    const settled = now === "live" ? "live" : now === "connecting" ? null : "lost";
    if (settled && settled !== this.#told && (this.#told || settled === "lost")) this.#announcer.notice(state.textContent);
    this.#told = settled ?? this.#told;
  }

  /** More comments come than anybody can read: say how many of them are shown, for as long as that is so. */
  #showSampled() {
    const { shown, of } = this.client.sampled;
    if (this.state !== "live") return;
    clearTimeout(this.#sampledTimer);
    this.#parts.state.textContent = this.#words.sampled(shown, of);
    this.#sampledTimer = setTimeout(() => this.#showState(), SAMPLED_MS);
  }

  #showViewers() {
    const { viewers } = this.#parts;
    viewers.hidden = this.viewers === null;
    if (this.viewers !== null) {
      viewers.lastElementChild.textContent = this.viewers.toLocaleString();
      viewers.title = this.#words.viewers(this.viewers);
    }
  }

  /** Say by the field what the host has set, as far as it matters to this viewer; while one waits, anew each second. */
  #showStanding({ announced = false } = {}) {
    clearTimeout(this.#standingTimer);
    if (!this.client) return;
    const { why, mayWrite, waitS } = this.client.standing;
    const { rules, problem } = this.client;
    const words = this.#words;
    const hints = {
      ended: words.over,
      paused: words.paused,
      membersOnly: words.membersOnly,
      slowMode: waitS > 0 ? words.slowWait(waitS) : words.slowMode(rules.slowModeS),
    };
    const hint = hints[why] ?? "";
    this.#composer.limit({ hint, mayWrite: mayWrite && problem?.kind !== "refused", maySend: waitS === 0 });
    if (announced && hint) this.#announcer.notice(hint);
    if (waitS > 0) this.#standingTimer = setTimeout(() => this.#showStanding(), 1_000);
  }

  /** Say a sentence about what the viewer has done, for a while. */
  #tell(text) {
    const { told } = this.#parts;
    clearTimeout(this.#toldTimer);
    told.textContent = text;
    told.hidden = false;
    this.#announcer.notice(text);
    this.#toldTimer = setTimeout(() => {
      told.hidden = true;
    }, TOLD_MS);
  }
}
