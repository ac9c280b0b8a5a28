/** Waiting: for a time that somebody may cut short, for something but not for ever, and how long until the next try. */

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/**
 * How long to wait before another try: as the service says, and longer with each failure in a row, up to half a
 * minute. The spread keeps viewers that lost the same edge from coming back all at once.
 */
export function nextWaitMs(failures, saidMs) {
  const base = Math.max(saidMs || FIRST_WAIT_MS, 1);
  const grown = Math.min(base * 2 ** Math.max(failures - 1, 0), Math.max(LONGEST_WAIT_MS, base));
  return grown * (1 + Math.random() * 0.5);
}

/** Resolves after `ms`, or as soon as the browser is back online; rejects when `signal` is aborted. */
export function pause(ms, signal) {
  return until(globalThis, "online", ms, signal);
}

/** Resolves as soon as somebody sees the page, at the latest after `ms`; rejects when `signal` is aborted. */
export async function untilSeen(ms, signal) {
  if (globalThis.document?.visibilityState === "hidden") await until(document, "visibilitychange", ms, signal);
}

function until(target, name, ms, signal) {
  return new Promise((resolve, reject) => {
    const end = (settle, value) => {
      clearTimeout(timer);
      target.removeEventListener?.(name, done);
      signal.removeEventListener("abort", aborted);
      settle(value);
    };
    const done = () => end(resolve);
    const aborted = () => end(reject, signal.reason);
    const timer = setTimeout(done, ms);
    target.addEventListener?.(name, done);
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
  });
}

/** What `within` resolves to when it took too long. */
export const LATE = Symbol("late");

/** What a promise brings, or `LATE` after `ms`. */
export function within(ms, promise) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms, LATE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
