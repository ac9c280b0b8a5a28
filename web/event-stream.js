/** Reading an event stream from the body of a response. `EventSource` cannot send an Authorization header. */

import { createParser } from "./vendor/eventsource-parser/index.js";

const QUIET_AT_MOST_MS = 40_000; // the service sends a heartbeat every 15 s: two lost ones mean a dead connection
const UNFINISHED_AT_MOST = 1024 * 1024; // characters of one event

/**
 * The events of a response as they come: `{event, id, data}`, and `{retry}` where the service says how long to wait
 * before connecting again. Ends when the stream does, also when it breaks off or has gone silent.
 */
export async function* events(response) {
  const arrived = [];
  const parser = createParser({
    maxBufferSize: UNFINISHED_AT_MOST,
    onEvent: (event) => arrived.push(event),
    onRetry: (retry) => arrived.push({ retry }),
  });
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await withinMs(QUIET_AT_MOST_MS, reader.read());
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* arrived.splice(0);
    }
  } catch {
    return; // broken off: the caller connects again from the last id, as after any other end
  } finally {
    reader.cancel().catch(() => {});
  }
}

function withinMs(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("silent")), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
