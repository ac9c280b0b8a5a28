/** All words of the interface, in English. A page replaces those it wants to: `element.words = {send: "Senden", …}`. */

const count = (number) => number.toLocaleString();

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
  sampled: (shown, of) => `showing ${count(shown)} of ${count(of)} a second`,
  viewers: (viewers) => (viewers === 1 ? "1 viewer" : `${count(viewers)} viewers`),
  newComments: (comments) => (comments === 1 ? "1 new comment" : `${count(comments)} new comments`),
  newest: "Newest comments",
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
  // Why a comment waits or was refused, or why there is no connection: by the code of the problem. What has no words
  // here is told in those of the service.
  problems: {
    too_many: "A little fast: it goes out by itself in a moment.",
    not_stored: "It goes out by itself when the service is back.",
    store_full: "It goes out by itself when the service is back.",
    unavailable: "It goes out by itself when the service is back.",
    unreachable: "It goes out by itself when the connection is back.",
    no_token: "Sign in to join the conversation.",
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
