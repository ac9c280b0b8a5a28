/** Types of the component `<live-comments>` and of the client under it. */

/** A comment as the stream and history have it. Numbers rise with time; ids are the same numbers as text. */
export interface Comment {
  readonly id: string;
  readonly number: number;
  /** When it was stored, in milliseconds since 1970. */
  readonly timestamp: number;
  readonly userId: string;
  readonly message: string;
  readonly name?: string;
  readonly role?: "viewer" | "moderator" | "host";
  readonly deleted?: undefined;
}

/** What is left of a comment that was removed. */
export interface DeletedComment {
  readonly id: string;
  readonly number: number;
  readonly timestamp: number;
  readonly deleted: true;
}

/** A comment of the viewer's own that is on its way. */
export interface PendingComment {
  readonly key: string;
  readonly text: string;
  /** "waiting": it is sent again by itself. "failed": it is not, for the reason in `problem`. */
  readonly state: "sending" | "waiting" | "sent" | "failed";
  readonly id: string | null;
  readonly problem: Problem | null;
}

/** Gives the token to send; with `renew`, the last one was not taken. After 15 s without an answer it is asked again. */
export type TokenSource = (renew: boolean) => string | null | Promise<string | null>;

/** What a host has set for a video. */
export interface Rules {
  readonly slowModeS: number;
  readonly membersOnly: boolean;
  readonly paused: boolean;
  readonly ended: boolean;
}

/** What that means for the viewer now; `why` is null when everything is as usual. */
export interface Standing {
  readonly why: "slowMode" | "membersOnly" | "paused" | "ended" | null;
  readonly mayWrite: boolean;
  /** Seconds until the next comment, in slow mode. */
  readonly waitS: number;
}

export type State = "connecting" | "live" | "away" | "ended";

/** Why a request did not succeed. */
export class Problem extends Error {
  constructor(what: { kind: Problem["kind"]; code: string; detail: string; retryAfterMs?: number; cause?: unknown });
  readonly kind: "refused" | "token" | "busy" | "away";
  /** Stable: a `code` of the service's problem documents, or "unreachable", "no_new_token", "other_user", "left_over", "broken". */
  readonly code: string;
  readonly retryAfterMs: number;
}

/** Comments on their way out. It outlives the client: what one could not send, the next one sends. */
interface Outbox {
  readonly entries: ReadonlyArray<PendingComment>;
  /** Whether no more can be taken for now. */
  readonly full: boolean;
  /** Try a failed comment once more, with the same Idempotency-Key. */
  again(entry: PendingComment): void;
  discard(entry: PendingComment): void;
}

interface LiveCommentsEventMap {
  change: Event;
  state: Event;
  viewers: Event;
  sampled: Event;
  rules: Event;
}

/** One video's comments, live, without any DOM. */
export class LiveComments extends EventTarget {
  /** `outbox`: that of an earlier client of the video, which was stopped; this one sends what is still in it. */
  constructor(options: { video: string; src?: string; token?: TokenSource | null; direct?: boolean; outbox?: Outbox });
  /** What is not sent yet, for a client that takes this one's place. */
  readonly outbox: Outbox;
  readonly comments: ReadonlyArray<Comment | DeletedComment>;
  readonly pending: ReadonlyArray<PendingComment>;
  readonly state: State;
  /** Whether comments come by polling, because a stream cannot be had. */
  readonly polling: boolean;
  readonly viewers: number | null;
  readonly sampled: { readonly shown: number; readonly of: number } | null;
  /** Why it has ended. */
  readonly problem: Problem | null;
  readonly userId: string | null;
  readonly rules: Rules;
  readonly standing: Standing;
  /** Whether the viewer's token moderates this video. */
  readonly moderates: boolean;
  /** Comments that have come since `hold()`. */
  readonly unread: number;
  start(): Promise<void>;
  stop(): void;
  post(text: string): void;
  /** Remove a comment: the viewer's own, or any as a moderator. Rejects with a `Problem`. */
  remove(id: string): Promise<void>;
  /** Shut somebody out, as a moderator; with `comments`, all that they said is removed. Rejects with a `Problem`. */
  ban(userId: string, how?: { forS?: number; comments?: boolean }): Promise<void>;
  /** Read one more page above the oldest comment; resolves to whether there is something new to show. */
  older(): Promise<boolean>;
  /** Keep `comments` where they are, while somebody reads them; new ones wait. */
  hold(): void;
  /** Go back to the newest. */
  resume(): void;
  addEventListener<Name extends keyof LiveCommentsEventMap>(
    type: Name,
    listener: (this: LiveComments, event: LiveCommentsEventMap[Name]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** All words of the interface. */
export interface Words {
  readonly title: string;
  readonly log: string;
  readonly field: string;
  readonly placeholder: string;
  readonly send: string;
  readonly left: (characters: number) => string;
  readonly connecting: string;
  readonly live: string;
  readonly polling: string;
  readonly away: string;
  readonly ended: string;
  readonly again: string;
  readonly sampled: (shown: number, of: number) => string;
  readonly viewers: (viewers: number) => string;
  readonly newComments: (comments: number) => string;
  readonly newest: string;
  readonly older: string;
  readonly empty: string;
  readonly beginning: string;
  readonly deleted: string;
  readonly more: string;
  readonly less: string;
  readonly roles: Readonly<Record<"host" | "moderator", string>>;
  readonly you: string;
  readonly sending: string;
  readonly sent: string;
  readonly waiting: string;
  readonly failed: string;
  readonly edit: string;
  readonly discard: string;
  readonly readOut: (name: string, text: string) => string;
  readonly notSent: (why: string) => string;
  readonly actions: (name: string) => string;
  readonly deleteOwn: string;
  readonly remove: string;
  readonly banFor: (name: string, minutes: number) => string;
  readonly banAndRemove: (name: string) => string;
  readonly banned: (name: string) => string;
  readonly notDone: (why: string) => string;
  readonly slowMode: (seconds: number) => string;
  readonly slowWait: (seconds: number) => string;
  readonly membersOnly: string;
  readonly paused: string;
  readonly over: string;
  readonly full: string;
  readonly problems: Readonly<Record<string, string>>;
}

export const WORDS: Words;

/** `<live-comments video="…" src="…">` */
export class LiveCommentsElement extends HTMLElement {
  video: string | null;
  src: string;
  /** Whether the stream is opened at the edge that has the video, where the service offers that. */
  direct: boolean;
  get token(): TokenSource | null;
  set token(token: TokenSource | null);
  /** How the viewer's own comments look until they are stored. */
  me: { readonly name: string; readonly userId: string } | null;
  get words(): Words;
  set words(words: Partial<Words>);
  readonly client: LiveComments | null;
  readonly state: State;
  readonly viewers: number | null;
}

declare global {
  interface HTMLElementTagNameMap {
    "live-comments": LiveCommentsElement;
  }
}
