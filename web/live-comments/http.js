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

const AWAY = { kind: "away", code: "unreachable", detail: "The service cannot be reached." };

/**
 * The response to a request, for statuses below 400. Rejects with a `Problem` for everything else, and with the
 * signal's reason when the caller gave up.
 * @param {string} url
 * @param {RequestInit & {token?: string | null, withinMs?: number, headers?: Record<string, string>}} init
 */
export async function request(url, { token, signal, withinMs = ANSWER_WITHIN_MS, headers = {}, ...init } = {}) {
  const authorization = token ? { Authorization: `Bearer ${token}` } : {};
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), withinMs);
  let response;
  try {
    response = await fetch(url, {
      cache: "no-store",
      ...init,
      headers: { ...headers, ...authorization },
      signal: signal ? AbortSignal.any([signal, late.signal]) : late.signal,
    });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new Problem({ ...AWAY, cause });
  } finally {
    clearTimeout(timer);
  }
  // A stream that is opened again and would be refused for ever: 204, which an EventSource takes for the end.
  const hopeless = response.status === 204 ? response.headers.get("Problem-Code") : null;
  if (hopeless) {
    const kind = hopeless === "no_token" ? "token" : "refused";
    throw new Problem({ kind, code: hopeless, detail: "The service will not open this stream again." });
  }
  if (response.status < 400) return response;
  throw await problemOf(response);
}

/** The JSON of an answer; rejects with a `Problem` when it breaks off or is none. */
export async function json(response) {
  try {
    return await response.json();
  } catch (cause) {
    throw new Problem({ ...AWAY, cause });
  }
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
