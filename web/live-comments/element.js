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
import { Header } from "./header.js";
import { keep, kept } from "./kept.js";
import { CommentList } from "./list.js";
import { Moderating } from "./moderating.js";
import { whyNot } from "./row.js";
import { styles } from "./styles.js";
import { keepUnsent, outboxFor } from "./unsent.js";
import { wordsWith } from "./words.js";

const TOLD_MS = 6_000;
const UNSENT_AT_MOST = 20; // videos whose outboxes are held, while others are shown
const ARROW_DOWN = "M8 12.5 3 7.5l1.2-1.2L7.2 9.3V3h1.6v6.3l3-3L13 7.5Z";

export class LiveCommentsElement extends HTMLElement {
  static observedAttributes = ["video", "src", "direct", "readonly"];

  client = null;
  #token = null;
  #me = null;
  #words = wordsWith({});
  #parts;
  #header;
  #composer;
  #announcer;
  #moderating = new Moderating({
    client: () => this.client,
    words: () => this.#words,
    tell: (text) => this.#tell(text),
    whenLost: () => this.#focusList(),
  });
  #list = null;
  #place = ""; // service and video of the client
  #unsent = new Map(); // by place: the outbox of the client that is, or was, at work on it
  #failures = new WeakSet(); // problems of entries that were told
  #starting = false;
  #standingTimer;
  #toldTimer;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styles];
    this.#composer = new Composer(this.#words, {
      post: (text) => this.#post(text),
      mayPost: () => this.client !== null && !this.client.outbox.full,
      wrote: (text) => keep("draft", this.#place, text),
    });
    this.#header = new Header(this.#words, {
      client: () => this.client,
      announce: (text) => this.#announcer.notice(text, "connection"),
      again: () => this.#start(),
      whenLost: () => this.#focusList(),
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
    const note = element("p", { class: "note", hidden: true });
    const list = element("ol", { class: "list", part: "list" });
    const scroller = element("div", { class: "scroller", role: "log", "aria-live": "off", tabindex: 0 }, note, list);
    const older = element("p", { class: "older", hidden: true });
    const newerText = element("span");
    const newer = element(
      "button",
      { type: "button", class: "newer", part: "newer", hidden: true, onclick: () => this.#backToNewest() },
      newerText,
      icon(ARROW_DOWN),
    );
    const told = element("p", { class: "told", hidden: true });
    const below = element("div", { class: "below-header" }, older);
    const above = element("div", { class: "above-composer" }, newer, told);
    const announced = element("p", { class: "only-read", "aria-live": "polite" });
    scroller.addEventListener("keydown", (event) => {
      if (event.key === "End" && !event.defaultPrevented) this.#list?.follow();
    });
    const foot = element("slot", { name: "foot" });
    const { menu } = this.#moderating;
    const top = [this.#header.root, below, scroller, above, announced, this.#composer.form, foot, menu.root];
    return { top, note, older, list, scroller, newer, newerText, told, announced };
  }

  /** Put the words where they belong. */
  #say() {
    this.#parts.scroller.setAttribute("aria-label", this.#words.log);
    this.#header.say(this.#words);
    this.#composer.say(this.#words);
    this.#showStanding();
    if (this.#list) this.#drawn();
  }

  /** Once whoever makes this element has set all that it needs; the token may be set by another script of the page. */
  #startSoon() {
    if (this.#starting) return;
    if (this.#token === null && isBeingRead()) {
      addEventListener("DOMContentLoaded", this.#startNow, { once: true }); // after all who hear it at the document
      return;
    }
    this.#starting = true;
    queueMicrotask(this.#startNow);
  }

  #startNow = () => {
    this.#starting = false;
    if (this.isConnected) this.#start();
  };

  #start() {
    removeEventListener("DOMContentLoaded", this.#startNow);
    this.#stop();
    const { video, src, direct } = this;
    if (!video) return;
    const place = `${src} ${video}`;
    const outbox = this.#unsent.get(place) ?? outboxFor(place);
    const client = new LiveComments({ video, src, token: this.#token, direct, outbox });
    this.#place = place;
    this.client = client;
    this.#unsent.set(place, outbox);
    if (this.#composer.text) keep("draft", place, this.#composer.text);
    else this.#composer.text = kept("draft", place);
    for (const name of ["state", "viewers", "sampled", "rules"]) {
      client.addEventListener(name, () => this.dispatchEvent(new Event(name)));
    }
    client.addEventListener("state", () => this.#stateChanged());
    client.addEventListener("viewers", () => this.#header.showViewers());
    client.addEventListener("sampled", () => this.#header.showSampled());
    client.addEventListener("change", () => keepUnsent(place, outbox, client.userId)); // also when it was stopped
    client.addEventListener("change", () => this.#changed());
    client.addEventListener("rules", () => this.#showStanding({ announced: true }));
    this.#showList();
    this.#header.showState();
    this.#header.showViewers();
    this.#showStanding();
    client.start();
  }

  #stop() {
    clearTimeout(this.#standingTimer);
    this.#header.rest();
    this.#moderating.menu.close();
    this.#announcer.close();
    this.#list?.close();
    this.client?.stop();
    keep("draft", this.#place, ""); // what stands in the field goes along to the next video
    this.#list = null;
    this.client = null;
    const unsent = [...this.#unsent].filter(([, { entries }]) => entries.length > 0);
    this.#unsent = new Map(unsent.slice(-UNSENT_AT_MOST));
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
    this.client.post(text);
    this.#list.follow();
  }

  #focusList() {
    this.#parts.scroller.focus({ preventScroll: true });
  }

  #backToNewest() {
    this.#list.follow({ coasting: true });
  }

  /** The list has been drawn: show what goes with it. */
  #drawn() {
    const { note, older, newer, newerText } = this.#parts;
    const { isEmpty, atBeginning, following, reaching } = this.#list;
    const unread = this.client.unread;
    if (following && this.shadowRoot.activeElement === newer) this.#focusList(); // the button goes away
    newer.hidden = following;
    newerText.textContent = unread > 0 ? this.#words.newComments(unread) : this.#words.newest;
    note.hidden = this.state === "connecting" ? isEmpty || !atBeginning : !isEmpty && !atBeginning;
    note.textContent = isEmpty ? this.#words.empty : this.#words.beginning;
    older.hidden = !reaching;
    older.textContent = this.#words.older;
  }

  #stateChanged() {
    if (!this.#header.showStateSoon()) return;
    this.#showStanding();
    if (this.#list) this.#drawn();
  }

  #changed() {
    this.#showStanding();
    for (const { state, problem } of this.client?.outbox.entries ?? []) {
      if (state !== "failed" || this.#failures.has(problem)) continue;
      this.#failures.add(problem);
      this.#announcer.notice(this.#words.notSent(whyNot(problem, this.#words)));
    }
  }

  /** Say by the field what the host has set, as far as it matters to this viewer; while one waits, anew each second. */
  #showStanding({ announced = false } = {}) {
    clearTimeout(this.#standingTimer);
    if (!this.client) return;
    const { why, mayWrite, waitS } = this.client.standing;
    const { rules, problem, outbox } = this.client;
    const words = this.#words;
    const hints = {
      ended: words.over,
      paused: words.paused,
      membersOnly: words.membersOnly,
      slowMode: waitS > 0 ? words.slowWait(waitS) : words.slowMode(rules.slowModeS),
    };
    const hint = hints[why] ?? (outbox.full ? words.full : "");
    this.#composer.limit({ hint, mayWrite: mayWrite && problem?.kind !== "refused", maySend: waitS === 0 });
    if (announced && hint) this.#announcer.notice(hint, "standing");
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

/** Whether scripts that stand in the page are still to run. Those of kind "module" do so one after the other. */
function isBeingRead() {
  const [page] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  return document.readyState !== "complete" && page?.domContentLoadedEventStart === 0;
}
