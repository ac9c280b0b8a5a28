/**
 * Requests to the service, and what can come back instead of an answer.
 *
 * Problem
 *   kind "refused"   the request is wrong and will stay so (400, 403, 404, 413, …)
 *   kind "token"     401: another token is needed
 *   kind "busy"      429: wait as long as `retryAfterMs` says
 *   kind "away"      502, 503, 504, no connection: try again, a POST with the same key
 */

const ANSWER_WITHIN_MS = 15_000; // the service itself holds a comment for at most 10 s

const KINDS = new Map([
  [401, "token"],
  [408, "away"],
  [429, "busy"],
  [500, "away"],
  [502, "away"],
  [503, "away"],
  [504, "away"],
]);

export class Problem extends Error {
  /** @param {{kind: string, code: string, detail: string, retryAfterMs?: number, cause?: unknown}} what */
  constructor({ kind, code, detail, retryAfterMs = 0, cause }) {
    super(detail, { cause });
    this.name = "Problem";
    this.kind = kind;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** An answer that is not the service's: somebody between, as a network that wants a password first. */
export function notOurs() {
  return new Problem({ kind: "away", code: "unreachable", detail: "Something else than the service has answered." });
}

const AWAY = { kind: "away", code: "unreachable", detail: "The service cannot be reached." };

/**
 * What an answer of a status below 400 says, as a JSON object: all of it within `withinMs`. Rejects with a `Problem` for
 * everything else, also when it breaks off or is no JSON, and with the signal's reason when the caller gave up.
 * @param {string} url
 * @param {RequestInit & {token?: string | null, withinMs?: number, headers?: Record<string, string>}} init
 */
export function fetchJson(url, init) {
  return ask(url, init, async (response) => Object(await response.json()));
}

/** Likewise, where nothing that the answer says matters. */
export function send(url, init) {
  return ask(url, init, (response) => response.arrayBuffer()); // read, so that its connection is free again
}

/** Likewise the response itself, as soon as it begins: its body is a stream, and may last. */
export function open(url, init) {
  return ask(url, init, (response) => {
    if (response.status === 204 || !response.body) throw hopeless(response); // Chromium has a body for it all the same
    return response;
  });
}

async function ask(url, { token = null, signal = null, withinMs = ANSWER_WITHIN_MS, headers = {}, ...init }, read) {
  const authorization = token ? { Authorization: `Bearer ${token}` } : {};
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), withinMs);
  try {
    const response = await fetch(url, {
      cache: "no-store",
      ...init,
      headers: { ...headers, ...authorization },
      signal: signal ? AbortSignal.any([signal, late.signal]) : late.signal,
    });
    if (response.status >= 400) throw await problemOf(response);
    return await read(response);
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof Problem ? cause : new Problem({ ...AWAY, cause });
  } finally {
    clearTimeout(timer);
  }
}

/** 204 is the end for an `EventSource` (HTML, 9.2.3). Why is in a header, unless that was lost on the way. */
function hopeless({ status, headers }) {
  const code = headers.get("Problem-Code") ?? String(status);
  const kind = code === "no_token" ? "token" : "refused";
  return new Problem({ kind, code, detail: "The service will not open this stream again." });
}

async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  return new Problem({
    kind: KINDS.get(response.status) ?? (response.status >= 500 ? "away" : "refused"),
    code: body.code ?? String(response.status),
    detail: body.detail ?? `The service answered ${response.status}.`,
    retryAfterMs: 1000 * (Number.parseInt(response.headers.get("Retry-After") ?? "", 10) || 0),
  });
}
