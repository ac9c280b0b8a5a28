/**
 * What a screen reader hears: politely, and not more often than every `EVERY_MS`. A quiet chat is read out comment by
 * comment, a lively one as "12 new comments"; before that what is about the viewer, all of it, as a refusal is.
 */

const EVERY_MS = 4_000;
const READ_OUT_AT_MOST = 2; // comments in that time
const TEXT_AT_MOST = 160; // characters
const NOTICES_AT_MOST = 4; // at once; of more, the last ones

export class Announcer {
  #region;
  #words;
  #comments = [];
  #count = 0;
  #notices = new Map(); // by what they are about
  #timer;
  #saidMs = Number.NEGATIVE_INFINITY;

  /** @param {HTMLElement} region  with `aria-live="polite"` */
  constructor(region, words) {
    this.#region = region;
    this.#words = words;
  }

  /** Comments by others have come. */
  arrived(comments) {
    this.#count += comments.length;
    this.#comments = [...this.#comments, ...comments].slice(0, READ_OUT_AT_MOST + 1);
    this.#soon();
  }

  /** Something about the viewer's own comments, or the connection. It takes the place of what was to be said `about` that. */
  notice(text, about = text) {
    this.#notices.delete(about); // the newest stand last
    this.#notices.set(about, text);
    if (this.#notices.size > NOTICES_AT_MOST) this.#notices.delete(this.#notices.keys().next().value);
    this.#soon();
  }

  /** Say nothing more of what has come until now. */
  close() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#region.textContent = "";
    this.#forget();
  }

  #soon() {
    this.#timer ??= setTimeout(() => this.#say(), Math.max(this.#saidMs + EVERY_MS - performance.now(), 0));
  }

  #say() {
    this.#timer = undefined;
    this.#saidMs = performance.now();
    const words = this.#words();
    const said = [...this.#notices.values()];
    if (this.#count > READ_OUT_AT_MOST) said.push(words.newComments(this.#count));
    else said.push(...this.#comments.map(({ name, userId, message }) => words.readOut(name ?? userId, shortened(message))));
    this.#region.textContent = said.join(" ");
    this.#forget();
  }

  #forget() {
    this.#comments = [];
    this.#notices.clear();
    this.#count = 0;
  }
}

function shortened(text) {
  const characters = [...text];
  return characters.length > TEXT_AT_MOST ? `${characters.slice(0, TEXT_AT_MOST).join("")} …` : text;
}
