/** What the charts show, made of two answers in a row: rates out of counters, percentiles out of histograms. Pure. */

/** The sum of a value over parts; null where no part has it. */
export function total(parts, name) {
  const values = parts.map(({ values: found }) => found[name]).filter((value) => value !== undefined);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
}

/** The highest of a value over parts; null where no part has it. */
export function highest(parts, name) {
  const values = parts.map(({ values: found }) => found[name]).filter((value) => value !== undefined);
  return values.length === 0 ? null : Math.max(...values);
}

/** How much a counter has grown a second between two answers; a part that was started again counts from 0. */
export function rate(before, now, name) {
  if (!before) return null;
  const seconds = (now.at - before.at) / 1000;
  let grown = 0;
  for (const part of now.parts) {
    const value = part.values[name];
    if (value === undefined) continue;
    const last = before.parts.find((one) => one.name === part.name)?.values[name];
    if (last === undefined) continue; // it was not there: what it has counted until now is of no known time
    grown += value >= last ? value - last : value;
  }
  return seconds > 0 ? grown / seconds : null;
}

/** A percentile, in milliseconds, of what a histogram has counted between two answers; null where nothing was. */
export function percentile(before, now, name, share, only = () => true) {
  if (!before) return null;
  const counts = new Map(); // by upper bound
  for (const part of now.parts.filter(only)) {
    const last = before.parts.find((one) => one.name === part.name)?.histograms[name];
    const again = last && part.histograms[name]?.at(-1)[1] < last.at(-1)[1];
    for (const [place, [bound, count]] of (part.histograms[name] ?? []).entries()) {
      counts.set(bound, (counts.get(bound) ?? 0) + count - (again ? 0 : (last?.[place]?.[1] ?? count)));
    }
  }
  const bounds = [...counts.keys()];
  const all = counts.get(null) ?? 0;
  if (all === 0) return null;
  const place = bounds.findIndex((bound) => counts.get(bound) >= share * all);
  const [low, high] = [place > 0 ? bounds[place - 1] : 0, bounds[place]];
  if (high === null) return low * 1000; // longer than the last bound
  const below = place > 0 ? counts.get(low) : 0;
  return 1000 * (low + ((share * all - below) / (counts.get(high) - below)) * (high - low));
}
