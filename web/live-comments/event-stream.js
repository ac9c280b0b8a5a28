/** Reading an event stream from the body of a response. `EventSource` cannot send an Authorization header. */

import { createParser } from "./vendor/eventsource-parser/index.js";
import { LATE, within } from "./waiting.js";

const UNFINISHED_AT_MOST = 1024 * 1024; // characters of one event
const BROKEN_OFF = { done: true, value: undefined }; // a connection that breaks off is one that ends

/**
 * Hand on what a response brings as it comes: `{event, id, data}`, `{retry}` where the service says how long to wait
 * before connecting again, and `{}` for a heartbeat. Returns how it ended: "ended", also when it broke off, or "silent"
 * when nothing came for `firstWithinMs` at its beginning, or for `quietAtMostMs` later.
 */
export async function readEvents(response, take, { firstWithinMs, quietAtMostMs }) {
  const parser = createParser({
    maxBufferSize: UNFINISHED_AT_MOST,
    onEvent: take,
    onRetry: (retry) => take({ retry }),
    onComment: () => take({}),
  });
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  try {
    for (let withinMs = firstWithinMs; ; withinMs = quietAtMostMs) {
      const read = await within(withinMs, reader.read().catch(() => BROKEN_OFF));
      if (read === LATE) return "silent";
      if (read.done) return "ended";
      parser.feed(decoder.decode(read.value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
