/**
 * The rows in the document: one for each comment of a window, and for each that is on its way out. A row that stays is
 * left alone; by Tab one gets to one of them, and to the others by the arrow keys.
 */

import { commentRow, entryRow, foldLong } from "./row.js";

export class Rows {
  #scroller;
  #list;
  #words;
  #does;
  #rows = new Map(); // key: {row, what it was drawn of, whether something can be done with it}
  #tabStop = null;

  /**
   * @param {{scroller: HTMLElement, list: HTMLElement}} parts
   * @param {{may: Function, offer: Function, again: Function, edit: Function, discard: Function, me: Function}} does
   */
  constructor({ scroller, list }, words, does, signal) {
    this.#scroller = scroller;
    this.#list = list;
    this.#words = words;
    this.#does = does;
    list.addEventListener("keydown", (event) => this.#walk(event), { signal });
  }

  get size() {
    return this.#rows.size;
  }

  clear() {
    for (const { row } of this.#rows.values()) this.#takeAway(row);
    this.#rows.clear();
  }

  /** Make the rows those of the comments and entries. Returns whether anything changed. */
  arrange(comments, pending) {
    const wanted = new Map();
    for (const comment of comments) wanted.set(comment.id, { what: comment, may: this.#does.may(comment), of: comment });
    for (const entry of pending) wanted.set(entry.key, { what: `${entry.state} ${entry.problem?.code}`, of: entry });
    let changed = false;
    for (const [key, { row }] of this.#rows) {
      if (wanted.has(key)) continue;
      this.#takeAway(row);
      this.#rows.delete(key);
      changed = true;
    }
    let next = this.#list.firstElementChild;
    for (const [key, { what, may, of }] of wanted) {
      const drawn = this.#rows.get(key);
      if (drawn?.what === what && drawn.may === may) {
        if (drawn.row === next) next = next.nextElementSibling;
        else this.#list.insertBefore(drawn.row, next);
        continue;
      }
      if (drawn?.row === next) next = next.nextElementSibling;
      if (drawn) this.#takeAway(drawn.row);
      const row = typeof what === "string" ? entryRow(of, this.#does.me(), this.#words, this.#does) : this.#commentRow(of, may);
      this.#list.insertBefore(row, next);
      this.#rows.set(key, { row, what, may });
      changed = true;
    }
    if (changed) {
      foldLong(this.#list, this.#words);
      this.setTabStop();
    }
    return changed;
  }

  /** Take away the rows of comments before the number `first`. Returns how many those were. */
  removeBefore(first) {
    let removed = 0;
    for (const [key, { row, what }] of this.#rows) {
      if (!(what.number < first)) continue;
      this.#takeAway(row);
      this.#rows.delete(key);
      removed += 1;
    }
    return removed;
  }

  /** The first row that can be seen, and how far it is from the top: it is to stay there. */
  anchor() {
    const { scrollTop } = this.#scroller;
    for (const row of this.#list.children) {
      if (row.offsetTop + row.offsetHeight > scrollTop) return { row, fromTop: row.offsetTop - scrollTop };
    }
    return null;
  }

  /** Have Tab lead to this button: without one, to the newest in view, which is above `seenTo` in pixels of the list. */
  setTabStop(button = null, seenTo = Infinity) {
    const root = /** @type {ShadowRoot} */ (this.#list.getRootNode());
    if (!button && this.#tabStop?.isConnected && root.activeElement === this.#tabStop) return;
    const all = button ? [] : [...this.#list.querySelectorAll(".actions")];
    button ??= all.findLast((one) => one.parentElement.offsetTop < seenTo) ?? null;
    this.#tabStop?.setAttribute("tabindex", "-1");
    button?.setAttribute("tabindex", "0");
    this.#tabStop = button;
  }

  #walk(event) {
    const step = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
    if (!step || !event.target.matches(".actions")) return;
    event.preventDefault();
    let row = event.target.parentElement[step];
    while (row && !row.querySelector(":scope > .actions")) row = row[step];
    if (!row) return;
    this.setTabStop(row.querySelector(":scope > .actions"));
    this.#tabStop.focus();
  }

  #takeAway(row) {
    if (row.contains(row.getRootNode().activeElement)) this.#scroller.focus({ preventScroll: true });
    row.remove();
  }

  #commentRow(comment, may) {
    const offer = (button) => this.#does.offer(comment, button);
    return commentRow(comment, this.#words, may ? offer : null);
  }
}
