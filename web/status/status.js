/** The operator's page: what the parts say of themselves, every two seconds while somebody sees it. */

import { pause, untilSeen } from "../live-comments/waiting.js";
import { Chart } from "./chart.js";
import { highest, percentile, rate, total } from "./series.js";

const EVERY_MS = 2_000;
const HIDDEN_EVERY_MS = 30_000; // as long as nobody sees the page; it asks at once when somebody does
const WITHIN_MS = 8_000; // the service itself waits a second for its parts
const MILESTONES = ["accepted", "stored", "published", "delivered", "archived"];

const part = (id) => document.getElementById(id);
const whole = (value) => Math.round(value).toLocaleString();
const fine = (value) => (value < 10 ? value.toFixed(1) : whole(value));
const of = (kind) => (one) => one.kind === kind;

/** Losses of every kind: each is one number that should stay at 0. */
const LOSSES = {
  "missing in the audit": (parts) => total(parts, "auditLost") ?? 0,
  "gaps left open": (parts) => total(parts, "gapsLeft") ?? 0,
  "lost before archived": (parts) => total(parts, "archiveLost") ?? 0,
  "set aside": (parts) => total(parts, "setAside") ?? 0,
};

const charts = [
  {
    title: "Comments",
    unit: "a second, by milestone (published: by each edge)",
    lines: MILESTONES.filter((name) => name !== "delivered"),
    format: fine,
    atLeast: 5,
    read: (before, now) => MILESTONES.filter((name) => name !== "delivered").map((name) => rate(before, now, name)),
  },
  {
    title: "Deliveries",
    unit: "comments written to viewers, a second",
    lines: ["delivered"],
    format: fine,
    atLeast: 5,
    read: (before, now) => [rate(before, now, "delivered")],
  },
  {
    title: "Viewers",
    unit: "by edge",
    lines: [],
    format: whole,
    atLeast: 4,
    read: (_, now) => now.parts.filter(of("edge")).map(({ values }) => values.viewers ?? null),
  },
  ...[
    ["POST", "from its arrival to its answer, ms", "post"],
    ["Stored", "from a comment's arrival to JetStream's word, ms", "ack"],
    ["On its way", "from stored to written to a viewer, ms", "storedToWritten"],
  ].map(([title, unit, histogram]) => ({
    title,
    unit,
    lines: ["p50", "p95", "p99"],
    format: fine,
    atLeast: 10,
    read: (before, now) => [0.5, 0.95, 0.99].map((share) => percentile(before, now, histogram, share)),
  })),
  {
    title: "Archive lag",
    unit: "seconds until a comment is in Postgres",
    lines: ["oldest waiting"],
    format: (value) => value.toFixed(1),
    atLeast: 1,
    read: (_, now) => [highest(now.parts, "archiveLagSeconds")],
  },
  {
    title: "Waiting",
    unit: "comments",
    lines: ["for JetStream", "for Postgres"],
    format: whole,
    atLeast: 5,
    read: (_, now) => [total(now.parts, "queued"), total(now.parts, "archiveLagNumbers")],
  },
  {
    title: "Losses",
    unit: "comments, since the parts were started",
    lines: Object.keys(LOSSES),
    format: whole,
    atLeast: 1,
    read: (_, now) => Object.values(LOSSES).map((count) => count(now.parts)),
  },
  {
    title: "Told to viewers",
    unit: "since the parts were started",
    lines: ["skipped by slow ones", "incomplete replays", "not stored (503)"],
    format: whole,
    atLeast: 1,
    read: (_, now) => ["skipped", "replaysIncomplete", "notStored"].map((name) => total(now.parts, name) ?? 0),
  },
];

let before = null;

/** Add what two answers in a row say to the charts. */
function plot(now) {
  const edges = now.parts.filter(of("edge")).map(({ name }) => name);
  for (const one of charts) {
    if (one.title === "Viewers" && edges.join() !== one.lines.join()) {
      one.lines = edges;
      one.chart = null;
    }
    one.chart ??= new Chart(one);
    one.chart.add(now.at, one.read(before, now));
  }
}

function draw(now) {
  plot(now);
  const shown = charts.map(({ chart }) => chart.root);
  if (shown.some((root, place) => part("charts").children[place] !== root)) part("charts").replaceChildren(...shown);
  part("parts").replaceChildren(...now.parts.map((one) => partRow(one, now)));
}

function partRow(one, now) {
  const { name, address, ready, why, values } = one;
  const last = before?.parts.find((other) => other.name === name);
  const seconds = before ? (now.at - before.at) / 1000 : 0;
  const busy = last && values.cpuSeconds >= last.values.cpuSeconds ? (values.cpuSeconds - last.values.cpuSeconds) / seconds : null;
  const comments = { writer: "stored", archiver: "archived", edge: "published" }[one.kind];
  const lag = percentile(before, now, "loopLag", 0.99, (other) => other.name === name);
  const row = document.createElement("tr");
  const title = document.createElement("th");
  title.scope = "row";
  title.textContent = ["gateway", "nats", "postgres"].includes(one.kind) ? one.kind : name;
  const cell = (text, className = "number") => {
    const made = document.createElement("td");
    made.className = className;
    made.textContent = text;
    return made;
  };
  row.append(
    title,
    cell(ready ? "● ready" : `▲ ${why}`, ready ? "good" : "bad"),
    cell(address, ""),
    cell(values.viewers === undefined ? "" : whole(values.viewers)),
    cell(comments === undefined || values[comments] === undefined ? "" : whole(values[comments])),
    cell(lag === null ? "" : `${fine(lag)} ms`),
    cell(busy === null || Number.isNaN(busy) ? "" : `${Math.round(busy * 100)} %`),
    cell(values.memoryBytes === undefined ? "" : `${whole(values.memoryBytes / 2 ** 20)} MiB`),
  );
  return row;
}

/** One sentence: is anything wrong? */
function summary(now) {
  const down = now.parts.filter(({ ready }) => !ready).map(({ name }) => name);
  const lost = Object.values(LOSSES).reduce((sum, count) => sum + count(now.parts), 0);
  const stopped = highest(now.parts, "archiveStopped") || highest(now.parts, "streamShort");
  if (now.parts.length === 0) return ["bad", "There is no cluster to ask."];
  if (stopped) return ["bad", "A shard is stopped: a person must look at it."];
  if (down.length > 0) return ["bad", `Not ready: ${down.join(", ")}.`];
  if (lost > 0) return ["bad", `${whole(lost)} comments lost.`];
  return ["good", `All ${now.parts.length} parts are ready, nothing is lost.`];
}

/** The JSON at a path, all of it in time. */
async function get(path) {
  const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(WITHIN_MS) });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

async function ask() {
  let said;
  try {
    const now = await get("/status.json");
    if (now.at !== before?.at) {
      draw(now);
      before = now;
    }
    said = summary(now);
  } catch {
    said = ["bad", "The gateway or history does not answer."];
  }
  const shown = part("summary");
  [shown.className] = said;
  if (shown.textContent !== said[1]) [, shown.textContent] = said;
}

/** What the service has kept of the minutes before this page was opened. */
async function recall() {
  try {
    for (const past of await get("/status/past.json")) {
      plot(past);
      before = past;
    }
  } catch {
    // It begins with what comes now.
  }
}

const { signal } = new AbortController(); // nothing ends it but the page's own end
await recall();
for (;;) {
  await ask();
  await pause(EVERY_MS, signal);
  await untilSeen(HIDDEN_EVERY_MS - EVERY_MS, signal);
}
