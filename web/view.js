/**
 * The comments on the page: a window of at most `SHOWN_AT_MOST` rows onto the timeline, and below it what is on its way
 * out. Follows the newest, and stays where it is while somebody reads further up. Texts are only ever set as text.
 */

const SHOWN_AT_MOST = 200; // rows, those on their way out included
const STEP = 50; // rows that come in at the top or the bottom when the reader gets there
const NEAR_PX = 300;
const AT_END_PX = 40;
const LONG_TEXT = 320; // characters, from which on a comment may need "more"
const LONG_LINES = 6;
const FAST_IN_10_S = 10; // more comments than that are not read out one by one

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });

export class View {
  #client;
  #me;
  #scroller;
  #list;
  #newer;
  #note;
  #rows = new Map(); // key: {row, comment or entry as it was drawn}
  #following = true;
  #end = 0; // number of the last comment in the window while reading further up
  #height = 0; // of the scroller, when it was last at its end
  #scheduled = false;
  #arrivals = [];
  #seen = 0;
  #open = new AbortController();
  #resized;

  /**
   * @param {import("./client.js").LiveComments} client
   * @param {{name: string, userId: string}} me  whose comments on their way out are shown
   */
  constructor(client, me, { scroller, list, newer, note }) {
    this.#client = client;
    this.#me = me;
    this.#scroller = scroller;
    this.#list = list;
    this.#newer = newer;
    this.#note = note;
    const { signal } = this.#open;
    client.addEventListener("change", () => this.#schedule(), { signal });
    scroller.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
    newer.addEventListener("click", () => this.follow(), { signal });
    this.#resized = new ResizeObserver(() => this.#following && this.#toEnd());
    this.#resized.observe(scroller);
    this.#schedule();
  }

  /** Leave the page's elements to another view. */
  close() {
    this.#open.abort();
    this.#resized.disconnect();
    this.#list.replaceChildren();
  }

  /** Show the newest comments, and go on doing so. */
  follow() {
    this.#following = true;
    this.#client.resume();
    this.#draw();
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      if (!this.#open.signal.aborted) this.#draw();
    });
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    if (this.#following && clientHeight !== this.#height) {
      this.#toEnd(); // the room got smaller or larger: nobody has scrolled
      return;
    }
    const below = scrollHeight - clientHeight - scrollTop;
    const { comments } = this.#client.timeline;
    const last = comments.at(-1)?.number ?? 0;
    if (!this.#following && below < AT_END_PX && this.#end >= last) {
      this.follow();
    } else if (this.#following && below > AT_END_PX) {
      this.#following = false;
      this.#client.timeline.held = true;
      this.#end = last;
      this.#draw();
    } else if (!this.#following && below < NEAR_PX && this.#end < last) {
      const at = comments.findIndex((comment) => comment.number > this.#end);
      this.#end = comments[Math.min(at + STEP, comments.length) - 1].number;
      this.#draw();
    }
    if (!this.#following && scrollTop < NEAR_PX) this.#reachUp();
  }

  /** Bring in older comments at the top, and let go of as many at the bottom. */
  async #reachUp() {
    const { timeline } = this.#client;
    let window = this.#window();
    if (window[0] === timeline.comments[0]) {
      if (!(await this.#client.older())) return;
      window = this.#window();
    }
    const first = timeline.comments.indexOf(window[0]);
    const end = Math.min(Math.max(first - STEP, 0) + SHOWN_AT_MOST, timeline.comments.length);
    this.#end = Math.min(this.#end, timeline.comments[end - 1].number);
    this.#draw();
  }

  #window() {
    const { comments } = this.#client.timeline;
    const size = SHOWN_AT_MOST - this.#client.outbox.shown.length;
    const end = this.#following ? comments.length : comments.findLastIndex(({ number }) => number <= this.#end) + 1;
    return comments.slice(Math.max(end - size, 0), end);
  }

  #draw() {
    const { timeline, outbox } = this.#client;
    const window = this.#window();
    const wanted = window.map((comment) => ({ key: comment.id, what: comment, make: () => commentRow(comment) }));
    if (window.at(-1) === timeline.comments.at(-1)) {
      for (const entry of outbox.shown) {
        wanted.push({ key: entry.key, what: stamp(entry), make: () => entryRow(entry, this.#me, outbox) });
      }
    }
    this.#announce(timeline);
    const anchor = this.#following ? null : this.#anchor();
    this.#arrange(wanted);
    if (anchor) this.#scroller.scrollTop = anchor.row.offsetTop - anchor.fromTop;
    else this.#toEnd();
    const unread = timeline.unread;
    this.#newer.hidden = this.#following;
    this.#newer.firstElementChild.textContent = unread > 0 ? `${unread.toLocaleString()} new` : "Newest";
    this.#note.hidden = wanted.length > 0 && !(timeline.complete && window[0] === timeline.comments[0]);
    this.#note.textContent = wanted.length > 0 ? "This is where it began." : "Nobody has said anything yet.";
  }

  #arrange(wanted) {
    const keys = new Set(wanted.map(({ key }) => key));
    for (const [key, { row }] of this.#rows) {
      if (keys.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    let next = this.#list.firstElementChild;
    for (const { key, what, make } of wanted) {
      const drawn = this.#rows.get(key);
      if (drawn?.what === what) {
        if (drawn.row === next) next = next.nextElementSibling;
        else this.#list.insertBefore(drawn.row, next);
        continue;
      }
      const row = make();
      if (drawn) {
        if (drawn.row === next) next = next.nextElementSibling;
        drawn.row.replaceWith(row);
      }
      this.#list.insertBefore(row, next);
      this.#rows.set(key, { row, what });
    }
    for (const row of this.#list.querySelectorAll("[data-long]")) measure(row);
  }

  /** The first row that can be seen, and how far it is from the top: it is to stay there. */
  #anchor() {
    const { scrollTop } = this.#scroller;
    for (const row of this.#list.children) {
      if (row.offsetTop + row.offsetHeight > scrollTop) return { row, fromTop: row.offsetTop - scrollTop };
    }
    return null;
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#height = this.#scroller.clientHeight;
  }

  /** A slow chat is read out by screen readers as it comes; a fast one, or one that is scrolled through, is not. */
  #announce({ comments, newest }) {
    const now = Date.now();
    for (const { number } of comments.slice(-FAST_IN_10_S - 1)) if (number > this.#seen) this.#arrivals.push(now);
    this.#seen = newest;
    this.#arrivals = this.#arrivals.filter((at) => at > now - 10_000);
    const calm = this.#following && this.#arrivals.length <= FAST_IN_10_S && this.#rows.size > 0;
    this.#list.setAttribute("aria-live", calm ? "polite" : "off");
  }
}

/** An entry changes in place: what it looks like is drawn again only when this differs. */
function stamp({ key, state, detail }) {
  return `${key} ${state} ${detail}`;
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function row(name, userId, message, ...heading) {
  const item = element("li", "comment");
  item.style.setProperty("--hue", hue(userId));
  const avatar = element("span", "avatar", [...name.trim()][0]?.toUpperCase() ?? "?");
  avatar.setAttribute("aria-hidden", "true");
  const head = element("div", "head");
  const who = element("span", "name", name);
  who.dir = "auto";
  head.append(who, ...heading);
  const body = element("div", "body");
  const text = element("p", "text", message);
  text.dir = "auto";
  body.append(head, text);
  if (message.length > LONG_TEXT || message.split("\n").length > LONG_LINES) item.dataset.long = "";
  item.append(avatar, body);
  return item;
}

function commentRow(comment) {
  if (comment.deleted) {
    const gone = element("li", "comment gone");
    gone.append(element("p", "text", "This comment was removed."));
    gone.dataset.id = comment.id;
    return gone;
  }
  const heading = [];
  if (comment.role === "host" || comment.role === "moderator") heading.push(element("span", "role", comment.role));
  const at = new Date(comment.timestamp);
  const time = element("time", "time", clock.format(at));
  time.dateTime = at.toISOString();
  heading.push(time);
  const item = row(comment.name ?? comment.userId, comment.userId, comment.message, ...heading);
  item.dataset.id = comment.id;
  return item;
}

const STATES = { sending: "sending …", sent: "sent", waiting: "waiting …", failed: "not sent" };

function entryRow(entry, me, outbox) {
  const item = row(me.name, me.userId, entry.text, element("span", "time", STATES[entry.state]));
  item.classList.add("pending", entry.state);
  if (!entry.detail) return item;
  const why = element("div", "why");
  why.append(element("span", "", entry.detail));
  if (entry.state === "failed") {
    const again = element("button", "", "Try again");
    again.addEventListener("click", () => outbox.again(entry));
    const discard = element("button", "", "Discard");
    discard.addEventListener("click", () => outbox.discard(entry));
    for (const button of [again, discard]) button.type = "button";
    why.append(again, discard);
  }
  item.lastElementChild.append(why);
  return item;
}

/** Give a long comment that does not fit a button that opens it. */
function measure(item) {
  const text = item.querySelector(".text");
  if (text.clientHeight === 0) return; // not laid out: looked at again with the next drawing
  delete item.dataset.long;
  if (text.scrollHeight <= text.clientHeight) return;
  const more = element("button", "more", "more");
  more.type = "button";
  more.addEventListener("click", () => {
    const open = item.classList.toggle("open");
    more.textContent = open ? "less" : "more";
  });
  text.after(more);
}

/** The same person has the same colour on every screen. */
function hue(userId) {
  let hash = 2166136261; // FNV-1a
  for (let at = 0; at < userId.length; at += 1) hash = Math.imul(hash ^ userId.charCodeAt(at), 16777619);
  return String((hash >>> 0) % 360);
}
