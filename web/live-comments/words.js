/** All words of the interface, in English. A page replaces those it wants to: `element.words = {send: "Senden", …}`. */

const count = (number) => number.toLocaleString();
const many = (number, one) => (number === 1 ? `1 ${one}` : `${count(number)} ${one}s`);
const time = (seconds) => (seconds < 120 ? many(seconds, "second") : many(Math.ceil(seconds / 60), "minute"));

export const WORDS = Object.freeze({
  title: "Comments",
  log: "Comments, oldest first",
  field: "Your comment",
  placeholder: "Say something",
  send: "Send",
  left: (characters) => (characters < 0 ? `${count(-characters)} characters too many` : `${count(characters)} characters left`),
  connecting: "connecting …",
  live: "live",
  polling: "live, every few seconds",
  away: "reconnecting …",
  ended: "not connected",
  again: "Try again",
  sampled: (shown, of) => `${count(shown)} of ${count(of)} a second`,
  viewers: (viewers) => many(viewers, "viewer"),
  newComments: (comments) => many(comments, "new comment"),
  newest: "Newest comments",
  older: "Older comments are on their way …",
  empty: "Nobody has said anything yet.",
  beginning: "This is where it began.",
  deleted: "This comment was removed.",
  more: "more",
  less: "less",
  roles: { host: "Host", moderator: "Moderator" },
  you: "You",
  sending: "sending …",
  sent: "sent",
  waiting: "waiting …",
  failed: "not sent",
  edit: "Edit",
  discard: "Discard",
  readOut: (name, text) => `${name}: ${text}`,
  notSent: (why) => `Your comment was not sent. ${why}`,
  actions: (name) => `Comment by ${name}: what to do`,
  deleteOwn: "Delete",
  remove: "Remove this comment",
  banFor: (name, minutes) => `Ban ${name} for ${many(minutes, "minute")}`,
  banAndRemove: (name) => `Ban ${name} for good, and remove all their comments`,
  banned: (name) => `${name} is banned.`,
  notDone: (why) => `That did not work. ${why}`,
  slowMode: (seconds) => `Slow mode: one comment in ${time(seconds)}`,
  slowWait: (seconds) => `Slow mode: your next comment in ${time(seconds)}`,
  membersOnly: "Only members can comment here.",
  paused: "Comments are paused.",
  over: "This is over: it takes no more comments.",
  full: "Your last comments are still on their way.",
  // Why a comment waits or was refused, or why there is no connection: by the code of the problem. What has no words
  // here is told in those of the service.
  problems: {
    too_many: "A little fast: it goes out by itself in a moment.",
    not_stored: "It goes out by itself when the service is back.",
    store_full: "It goes out by itself when the service is back.",
    unavailable: "It goes out by itself when the service is back.",
    unreachable: "It goes out by itself when the connection is back.",
    no_token: "Sign in to join the conversation.",
    slow_mode: "Slow mode: it goes out by itself in a moment.",
    other_user: "It went out under another name, and may be there already.",
    left_over: "It was on its way when the page was left, and may be there already.",
    banned: "You cannot take part here any more.",
  },
});

/** The words to use, those given and otherwise these. */
export function wordsWith(given) {
  return Object.freeze({
    ...WORDS,
    ...given,
    roles: { ...WORDS.roles, ...given?.roles },
    problems: { ...WORDS.problems, ...given?.problems },
  });
}
