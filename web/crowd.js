/**
 * A demonstration crowd: made-up people who post made-up messages, as guests, through the same interface as everybody.
 *
 * It is bounded in every way: so many people, so many comments a second, so many requests at once, and it ends by
 * itself. It waits as long as it is told to on a 429 and a 503.
 *
 * events  "change"   `mood`, `rate` or `secondsLeft` is not what it was
 *         "moment"   what everybody has been waiting for happens now
 *         "refused"  it cannot be: `problem` says why
 */

import { PEOPLE, sayings } from "./crowd-says.js";
import { fetchGuest } from "./guest.js";
import { Problem } from "./live-comments/http.js";
import { Service } from "./live-comments/service.js";

const TICK_MS = 100;
const AT_ONCE = 3; // requests; a browser opens six connections to one origin, and one of them is the stream
const PEOPLE_AT_MOST = 32;
const SAVED_UP_AT_MOST = 4; // comments that were due and had to wait
const BUILD_UP_S = 4;
const PEAK_PER_S = 40;
const CALMS_DOWN_S = 7;

// How long each mood lasts, how many people there are, and how many comments a second after so many seconds.
const MOODS = {
  quiet: { lastsS: 180, people: 8, rate: () => 0.6 },
  lively: { lastsS: 180, people: 20, rate: (s) => 5 + 2 * Math.sin(s / 5) },
  moment: {
    lastsS: 90,
    people: PEOPLE_AT_MOST,
    rate: (s) => (s < BUILD_UP_S ? 5 + s : 3 + PEAK_PER_S * Math.exp(-(s - BUILD_UP_S) / CALMS_DOWN_S)),
  },
};

export class Crowd extends EventTarget {
  mood = null;
  problem = null;
  #theme = "sky";
  #people = [];
  #began = 0;
  #timer;
  #due = 0;
  #under = 0; // requests under way
  #posted = []; // times, over the last seconds
  #restUntil = 0;
  #hadMoment = false;
  #stopping = new AbortController();
  #service;

  /** Let a crowd in, in a mood: "quiet", "lively" or "moment". Another one takes its place. */
  start(mood, { video, theme }) {
    this.stop();
    this.mood = mood;
    this.#theme = theme;
    this.#began = performance.now();
    this.#hadMoment = false;
    this.#due = 1;
    this.#stopping = new AbortController();
    const { signal } = this.#stopping;
    this.#service = (token) => new Service({ video, src: "", token: () => token, signal });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#tell("change");
  }

  stop() {
    clearInterval(this.#timer);
    this.#stopping.abort();
    this.mood = null;
    this.#tell("change");
  }

  /** Comments a second, over the last two. */
  get rate() {
    return this.#posted.length / 2;
  }

  get secondsLeft() {
    return this.mood ? Math.max(Math.ceil(MOODS[this.mood].lastsS - this.#seconds), 0) : 0;
  }

  get #seconds() {
    return (performance.now() - this.#began) / 1000;
  }

  #tick() {
    const { lastsS, rate } = MOODS[this.mood];
    const seconds = this.#seconds;
    if (seconds > lastsS) {
      this.stop();
      return;
    }
    if (this.mood === "moment" && seconds > BUILD_UP_S && !this.#hadMoment) {
      this.#hadMoment = true;
      this.#tell("moment");
    }
    const now = performance.now();
    this.#posted = this.#posted.filter((at) => at > now - 2_000);
    if (now >= this.#restUntil) this.#due = Math.min(this.#due + (rate(seconds) * TICK_MS) / 1000, SAVED_UP_AT_MOST);
    while (this.#due >= 1 && this.#under < AT_ONCE && now >= this.#restUntil) {
      this.#due -= 1;
      this.#post();
    }
    this.#tell("change");
  }

  /** Let somebody say something. */
  async #post() {
    this.#under += 1;
    const { signal } = this.#stopping;
    let person = null;
    try {
      person = await this.#somebody();
      if (!person) return;
      const text = pick(sayings({ theme: this.#theme, phase: this.#phase, language: person.language }), person);
      await this.#service(person.token).post(text, crypto.getRandomValues(new Uint32Array(4)).join("-"));
      this.#posted.push(performance.now());
    } catch (problem) {
      if (signal.aborted) return;
      if (!(problem instanceof Problem)) throw problem;
      this.#heed(problem, person);
    } finally {
      this.#under -= 1;
    }
  }

  get #phase() {
    if (this.mood !== "moment") return "calm";
    const seconds = this.#seconds;
    if (seconds < BUILD_UP_S) return "before";
    return seconds < BUILD_UP_S + 4 * CALMS_DOWN_S ? "moment" : "calm";
  }

  #heed(problem, person) {
    const now = performance.now();
    const waitMs = Math.max(problem.retryAfterMs, 1_000);
    if (problem.kind === "busy" && person) person.restsUntil = now + waitMs;
    else if (problem.kind === "busy" || problem.kind === "away") this.#restUntil = now + waitMs;
    else if (problem.kind === "token") this.#people = this.#people.filter((other) => other !== person);
    else {
      this.problem = problem;
      this.stop();
      this.#tell("refused");
    }
  }

  /** One of the people who may speak now, or a new one; null when all of them rest. */
  async #somebody() {
    const now = performance.now();
    const free = this.#people.filter(({ restsUntil }) => now >= restsUntil);
    const room = this.#people.length < MOODS[this.mood].people;
    if (room && (free.length === 0 || Math.random() < 0.5)) {
      const known = PEOPLE[this.#people.length % PEOPLE.length];
      const person = { ...known, token: null, restsUntil: Number.POSITIVE_INFINITY };
      this.#people.push(person);
      try {
        person.token = (await fetchGuest(known.name)).token;
        person.restsUntil = 0;
      } catch (problem) {
        this.#people = this.#people.filter((other) => other !== person);
        throw problem;
      }
      return person;
    }
    return free.length > 0 ? pick(free) : null;
  }

  #tell(name) {
    this.dispatchEvent(new Event(name));
  }
}

/** One of a list; for a person, not the one that they said last. */
function pick(list, person = null) {
  const others = list.filter((one) => one !== person?.said);
  const one = others[Math.floor(Math.random() * others.length)] ?? list[0];
  if (person) person.said = one;
  return one;
}
