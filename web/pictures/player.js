/**
 * A player without a video: a clock, and a scene that draws itself for each moment of it. The clock stops while nobody
 * can see it, and those who asked for less motion get a still.
 */

const FRAME_MS = 1000 / 24;
const BEGINS_S = 40; // a scene looks its best when it has run for a while

export const WIDTH = 960;
export const HEIGHT = 540;

export class Player {
  #pen;
  #scene = null;
  #seconds = BEGINS_S;
  #last = 0;
  #playing = false;
  #visible = true;
  #running = false;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    canvas.width = WIDTH;
    canvas.height = HEIGHT;
    this.#pen = canvas.getContext("2d", { alpha: false });
    new IntersectionObserver(([entry]) => {
      this.#visible = entry.isIntersecting;
      this.#go();
    }).observe(canvas);
  }

  /** Show another scene: `{draw(pen, seconds), moment(seconds)}`. */
  show(scene) {
    this.#scene = scene;
    this.#seconds = BEGINS_S;
    this.#scene.draw(this.#pen, this.#seconds);
    this.#go();
  }

  /** Let what everybody is waiting for happen. */
  moment() {
    this.#scene.moment(this.#seconds);
  }

  get playing() {
    return this.#playing;
  }

  set playing(playing) {
    this.#playing = playing;
    this.#go();
  }

  /** Seconds that have been played. */
  get seconds() {
    return this.#seconds - BEGINS_S;
  }

  #go() {
    if (this.#running || !this.#playing || !this.#visible || !this.#scene) return;
    this.#running = true;
    this.#last = performance.now();
    requestAnimationFrame((now) => this.#frame(now));
  }

  #frame(now) {
    this.#running = this.#playing && this.#visible;
    if (!this.#running) return;
    if (now - this.#last >= FRAME_MS - 2) {
      this.#seconds += Math.min(Math.max(now - this.#last, 0), 100) / 1000;
      this.#last = now;
      this.#scene.draw(this.#pen, this.#seconds);
    }
    requestAnimationFrame((next) => this.#frame(next));
  }
}
