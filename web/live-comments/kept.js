/**
 * What is kept for as long as the tab is open, so that a page that is loaded again has it still: of a kind ("draft": what
 * stands in the field; "unsent": see `unsent.js`), for a place. A browser that keeps nothing for pages (it throws then), or
 * has no room left, loses it, and nothing else.
 */

const name = (kind, place) => `live-comments ${kind} ${place}`;

/** The text that was last kept; "" if none was, or can be. */
export function kept(kind, place) {
  try {
    return sessionStorage.getItem(name(kind, place)) ?? "";
  } catch {
    return "";
  }
}

/** Keep a text; "" forgets what was kept. */
export function keep(kind, place, text) {
  try {
    if (text === "") sessionStorage.removeItem(name(kind, place));
    else sessionStorage.setItem(name(kind, place), text);
  } catch {
    // Nothing is kept here, or no room is left.
  }
}
