/** A comment as it is shown: one row, made once. */

import { element, icon } from "./dom.js";

const LONG_TEXT = 240; // characters, from which on a comment may need "more"
const LONG_LINES = 6;

/** @type {Intl.DateTimeFormatOptions} */
const TIME = { hour: "numeric", minute: "2-digit" };
const clock = new Intl.DateTimeFormat(undefined, TIME);
const calendar = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", ...TIME });

const DOTS = "M3 9.5a1.5 1.5 0 1 1 0-3 1.5 1.5 0 0 1 0 3Zm5 0a1.5 1.5 0 1 1 0-3 1.5 1.5 0 0 1 0 3Zm5 0a1.5 1.5 0 1 1 0-3 1.5 1.5 0 0 1 0 3Z";

/** A comment of the timeline. `offer`, where something can be done with it, is called with its button. */
export function commentRow(comment, words, offer = null) {
  if (comment.deleted) {
    return element(
      "li",
      { class: "comment gone", part: "comment", "data-id": comment.id },
      element("p", { class: "text", text: words.deleted }),
    );
  }
  const at = new Date(comment.timestamp);
  const time = element("time", { class: "time", datetime: at.toISOString(), text: when(at) });
  const staff = comment.role === "host" || comment.role === "moderator";
  const role = staff ? element("span", { class: "role", text: words.roles[comment.role] }) : null;
  const made = row(comment.name ?? comment.userId, comment.userId, comment.message, role, time);
  made.dataset.id = comment.id;
  if (offer) made.append(actionsButton(words.actions(comment.name ?? comment.userId), offer));
  return made;
}

/** One of them can be reached by Tab: which one is the list's to say. The others follow by the arrow keys. */
function actionsButton(label, offer) {
  const button = element(
    "button",
    { type: "button", class: "actions", tabindex: -1, "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": label },
    icon(DOTS),
  );
  button.addEventListener("click", () => offer(button));
  return button;
}

/** The time; of another day than today, that day as well. */
function when(at) {
  return (at.toDateString() === new Date().toDateString() ? clock : calendar).format(at);
}

/** A comment of the viewer's own that is on its way. `does`: `again`, `edit` and `discard` it. */
export function entryRow(entry, me, words, does) {
  const made = row(
    me?.name ?? words.you,
    me?.userId ?? "",
    entry.text,
    element("span", { class: "time", text: words[entry.state] }),
  );
  made.classList.add("pending", entry.state);
  if (entry.state !== "failed" && entry.state !== "waiting") return made;
  const why = element("div", { class: "why" }, element("span", { text: whyNot(entry.problem, words) }));
  if (entry.state === "failed") {
    const action = (text, click) => element("button", { type: "button", class: "link", text, onclick: click });
    if (entry.problem.kind !== "refused") why.append(action(words.again, () => does.again(entry)));
    why.append(action(words.edit, () => does.edit(entry)), action(words.discard, () => does.discard(entry)));
  }
  made.lastElementChild.append(why);
  return made;
}

/** Why something did not work, in the page's words or the service's. */
export function whyNot(problem, words) {
  return words.problems[problem.code] ?? problem.message;
}

/** Give long comments that do not fit a button that opens them. */
export function foldLong(list, words) {
  const long = [...list.querySelectorAll("[data-long]")].map((item) => {
    const text = item.querySelector(".text");
    return { item, text, room: text.clientHeight, needs: text.scrollHeight };
  });
  for (const { item, text, room, needs } of long) {
    if (room === 0) continue; // not laid out: looked at again with the next drawing
    delete item.dataset.long;
    if (needs <= room) continue;
    const more = element("button", { type: "button", class: "link more", text: words.more, "aria-expanded": "false" });
    more.addEventListener("click", () => {
      const open = item.classList.toggle("open");
      more.textContent = open ? words.less : words.more;
      more.setAttribute("aria-expanded", String(open));
    });
    text.after(more);
  }
}

function row(name, userId, message, ...heading) {
  const initial = [...name.trim()][0]?.toUpperCase() ?? "?";
  const avatar = element("span", { class: "avatar", "aria-hidden": "true", text: initial });
  const head = element("div", { class: "head" }, element("span", { class: "name", dir: "auto", text: name }), ...heading);
  const text = element("p", { class: "text", dir: "auto", text: message });
  const item = element(
    "li",
    { class: "comment", part: "comment" },
    avatar,
    element("div", { class: "body" }, head, text),
  );
  item.style.setProperty("--hue", hue(userId));
  if (message.length > LONG_TEXT || message.split("\n", LONG_LINES + 1).length > LONG_LINES) item.dataset.long = "";
  return item;
}

/** The same person has the same colour on every screen. */
function hue(userId) {
  let hash = 2166136261; // FNV-1a
  for (let at = 0; at < userId.length; at += 1) hash = Math.imul(hash ^ userId.charCodeAt(at), 16777619);
  return String((hash >>> 0) % 360);
}
