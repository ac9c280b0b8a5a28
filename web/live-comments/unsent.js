/**
 * Comments that are not sent yet outlive the page: the next one sends them, under the same keys, so that what was stored
 * after all is not stored again. That holds for as long as the service knows a key, and for whoever wrote them: what is
 * older, or of somebody whom nobody knew, waits for a "Try again".
 */

import { Problem } from "./http.js";
import { keep, kept } from "./kept.js";
import { LEFT_OVER, Outbox } from "./outbox.js";

const KIND = "unsent";
const known = new WeakMap(); // by outbox: what was last kept of it

/** An outbox with what was kept for a place. */
export function outboxFor(place) {
  const text = kept(KIND, place);
  const outbox = new Outbox(entriesOf(text));
  known.set(outbox, text);
  return outbox;
}

/** Keep what an outbox has not sent, where that is something new: another one on this page may be of the same place. */
export function keepUnsent(place, outbox, userId) {
  const text = written(outbox.entries, userId);
  if (text === known.get(outbox)) return;
  known.set(outbox, text);
  keep(KIND, place, text);
}

/** The unsent ones among entries as text, "" if there are none; `userId` is who speaks, null where nobody knows. */
export function written(entries, userId) {
  const unsent = entries
    .filter(({ id }) => id === null)
    .map(({ key, text, state, problem, tried, began, addedMs, by, above }) => ({
      key,
      text,
      tried,
      sinceMs: began || addedMs,
      by: by ?? userId,
      above, // of nothing known: Infinity, which JSON has as null
      failed: state === "failed" ? { kind: problem.kind, code: problem.code, detail: problem.message } : null,
    }));
  return unsent.length > 0 ? JSON.stringify(unsent) : "";
}

/** The entries in such a text; none where it is something else. */
export function entriesOf(text) {
  let unsent = [];
  try {
    if (text !== "") unsent = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(unsent)) return [];
  return unsent
    .filter((one) => typeof one?.key === "string" && typeof one.text === "string" && Number.isFinite(one.sinceMs))
    .map(({ key, text: said, tried, sinceMs, by, above, failed }) => {
      const problem = failed ?? (by ? null : LEFT_OVER);
      return {
        ...{ key, text: said, state: problem ? "failed" : "sending", id: null, problem: problem && new Problem(problem) },
        ...{ tried: Boolean(tried), began: sinceMs, addedMs: sinceMs, by: by ?? null, guess: null },
        above: above ?? Number.POSITIVE_INFINITY,
      };
    });
}
