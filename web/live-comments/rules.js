/**
 * What a host has set for a video, and what that means for one viewer. Pure: times come in as arguments.
 *
 * rules   {slowModeS, membersOnly, paused, ended}
 * viewer  {moderates, member}: whether the rules hold for them; `member` is null where nobody knows (the cookie)
 */

export const USUAL = Object.freeze({ slowModeS: 0, membersOnly: false, paused: false, ended: false });

/** The rules after what an event says: it names those that have changed. */
export function changed(rules, said) {
  const known = Object.entries(said).filter(([name, value]) => name in USUAL && typeof value === typeof USUAL[name]);
  return Object.freeze({ ...rules, ...Object.fromEntries(known) });
}

/**
 * Whether somebody may write now: `{why, waitS}`. `why` names what stands in the way, or what is to be known
 * ("slowMode", without a wait); null when everything is as usual. `mayWrite` is false where waiting does not help.
 */
export function standing(rules, viewer, postedMs, nowMs) {
  if (rules.ended) return { why: "ended", mayWrite: false, waitS: 0 };
  if (viewer.moderates) return { why: null, mayWrite: true, waitS: 0 };
  if (rules.paused) return { why: "paused", mayWrite: false, waitS: 0 };
  if (rules.membersOnly && viewer.member !== true) {
    return { why: "membersOnly", mayWrite: viewer.member === null, waitS: 0 };
  }
  if (rules.slowModeS === 0) return { why: null, mayWrite: true, waitS: 0 };
  const waitS = Math.max(Math.ceil((postedMs + rules.slowModeS * 1000 - nowMs) / 1000), 0);
  return { why: "slowMode", mayWrite: true, waitS };
}
