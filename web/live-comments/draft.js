/**
 * What stands in the field, kept for as long as the tab is open: a page that is loaded again has it still. A browser
 * that keeps nothing for pages (it throws then) loses it, and nothing else.
 */

const key = (place) => `live-comments draft ${place}`;

/** What was last kept for `place`; "" if nothing was, or can be. */
export function draftFor(place) {
  try {
    return sessionStorage.getItem(key(place)) ?? "";
  } catch {
    return "";
  }
}

/** Keep `text` for `place`; "" forgets what was kept. */
export function keepDraft(place, text) {
  try {
    if (text === "") sessionStorage.removeItem(key(place));
    else sessionStorage.setItem(key(place), text);
  } catch {
    // Nothing is kept here, or no room is left.
  }
}
