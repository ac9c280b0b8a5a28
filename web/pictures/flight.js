/** A night flight over hills, made from the room's id. Its moment is a shower of shooting stars. */

import { seedOf, sequence } from "./chance.js";
import { HEIGHT, WIDTH } from "./player.js";

const STARS = 140;
const RANGES = 5;
const CURTAINS = 3;
const COLUMN = 6;
const SHOWER = 26; // shooting stars
const SHOWER_S = 14;

export class Flight {
  #pen;
  #seed;
  #hue;
  #stars;
  #sky;
  #moon;
  #curtains;
  #shower = [];
  #seconds = 0;

  constructor(room) {
    this.#seed = seedOf(room);
    this.#hue = 200 + (this.#seed % 110);
  }

  draw(pen, seconds) {
    this.#pen = pen;
    this.#seconds = seconds;
    if (!this.#sky) this.#makeSky();
    pen.fillStyle = this.#sky;
    pen.fillRect(0, 0, WIDTH, HEIGHT);
    this.#drawStars();
    this.#drawAurora();
    this.#drawShower();
    this.#drawMoon();
    for (let range = 0; range < RANGES; range += 1) this.#drawHills(range);
  }

  moment(seconds) {
    this.#shower = Array.from({ length: SHOWER }, () => ({
      from: seconds + Math.random() ** 1.5 * SHOWER_S,
      x: Math.random() * WIDTH * 1.2,
      y: Math.random() * HEIGHT * 0.35,
      length: 90 + Math.random() * 150,
    }));
  }

  #makeSky() {
    const random = sequence(this.#seed);
    this.#stars = Array.from({ length: STARS }, () => ({
      x: random() * WIDTH,
      y: random() ** 1.6 * HEIGHT * 0.62,
      size: 0.5 + random() ** 3 * 1.4,
      phase: random() * 6.3,
    }));
    this.#moon = { x: WIDTH * (0.62 + random() * 0.2), y: HEIGHT * (0.2 + random() * 0.08), radius: 27 };
    this.#curtains = Array.from({ length: CURTAINS }, (_, band) => curtain(this.#hue - 60 + band * 34));
    this.#sky = this.#pen.createLinearGradient(0, 0, 0, HEIGHT);
    this.#sky.addColorStop(0, `hsl(${this.#hue} 55% 8%)`);
    this.#sky.addColorStop(0.45, `hsl(${this.#hue + 18} 50% 22%)`);
    this.#sky.addColorStop(0.72, `hsl(${this.#hue + 60} 48% 44%)`);
    this.#sky.addColorStop(0.86, `hsl(${this.#hue + 105} 74% 64%)`);
  }

  #drawStars() {
    const pen = this.#pen;
    pen.fillStyle = "#fff";
    for (const { x, y, size, phase } of this.#stars) {
      pen.globalAlpha = (0.35 + 0.45 * Math.sin(this.#seconds * 1.3 + phase) ** 2) * (1 - y / (HEIGHT * 0.7));
      pen.fillRect((x + this.#seconds * 0.8) % WIDTH, y, size, size);
    }
    pen.globalAlpha = 1;
  }

  /** Each curtain is one strip of light, drawn side by side: higher and brighter where its wave is. */
  #drawAurora() {
    const pen = this.#pen;
    pen.globalCompositeOperation = "lighter";
    this.#curtains.forEach((strip, band) => {
      const drift = this.#seconds * (0.16 + 0.05 * band);
      for (let x = 0; x < WIDTH; x += COLUMN) {
        const wave = Math.sin(x / 210 + drift + band * 2.1) + 0.5 * Math.sin(x / 83 - drift * 1.7 + band);
        const rays = 0.55 + 0.3 * Math.sin(x / 47 + drift * 2.3) + 0.15 * Math.sin(x / 13 - drift * 4);
        const height = 150 + 60 * rays + 20 * wave;
        pen.globalAlpha = Math.max(0, 0.5 * rays * (0.6 + 0.4 * Math.sin(x / 330 - drift + band * 1.4)));
        pen.drawImage(strip, x, HEIGHT * (0.38 + band * 0.07) + 24 * wave - height, COLUMN, height);
      }
    });
    pen.globalAlpha = 1;
    pen.globalCompositeOperation = "source-over";
  }

  #drawShower() {
    const pen = this.#pen;
    pen.lineCap = "round";
    for (const { from, x, y, length } of this.#shower) {
      const age = this.#seconds - from;
      if (age < 0 || age > 1.1) continue;
      const [headX, headY] = [x - age * 520, y + age * 240];
      const tail = Math.min(age * 2.5, 1) * length;
      const light = pen.createLinearGradient(headX, headY, headX + tail, headY - tail * 0.46);
      light.addColorStop(0, `hsl(48 100% 92% / ${1 - age / 1.1})`);
      light.addColorStop(1, "hsl(48 100% 92% / 0)");
      pen.strokeStyle = light;
      pen.lineWidth = 2.4;
      pen.beginPath();
      pen.moveTo(headX, headY);
      pen.lineTo(headX + tail, headY - tail * 0.46);
      pen.stroke();
    }
  }

  #drawMoon() {
    const pen = this.#pen;
    const { x, y, radius } = this.#moon;
    const glow = pen.createRadialGradient(x, y, radius * 0.6, x, y, radius * 4.5);
    glow.addColorStop(0, "hsl(45 90% 90% / 0.35)");
    glow.addColorStop(1, "hsl(45 90% 90% / 0)");
    pen.fillStyle = glow;
    pen.fillRect(x - radius * 5, y - radius * 5, radius * 10, radius * 10);
    pen.fillStyle = "hsl(45 70% 94%)";
    pen.beginPath();
    pen.arc(x, y, radius, 0, Math.PI * 2);
    pen.fill();
  }

  #drawHills(range) {
    const pen = this.#pen;
    const near = range / (RANGES - 1);
    const drift = this.#seconds * (4 + 40 * near ** 2);
    const level = HEIGHT * (0.68 + 0.26 * near);
    const height = HEIGHT * (0.16 - 0.04 * near);
    const start = range * 977 + (this.#seed % 1000);
    const far = this.#hue + 90 - 75 * near;
    const earth = pen.createLinearGradient(0, level - height, 0, Math.min(level + height * 1.3, HEIGHT));
    earth.addColorStop(0, `hsl(${far} ${44 - 8 * near}% ${42 - 36 * near}%)`);
    earth.addColorStop(1, `hsl(${far + 14} ${52 - 12 * near}% ${54 - 48 * near}%)`);
    pen.fillStyle = earth;
    pen.beginPath();
    pen.moveTo(0, HEIGHT);
    for (let x = 0; x <= WIDTH + 6; x += 6) {
      const at = (x + drift) / (230 - 60 * near) + start;
      pen.lineTo(x, level - height * ridge(at, this.#seed + range));
    }
    pen.lineTo(WIDTH, HEIGHT);
    pen.fill();
  }
}

/** A strip of light, bright at its foot and fading upwards. */
function curtain(hue) {
  const strip = document.createElement("canvas");
  [strip.width, strip.height] = [1, 128];
  const pen = strip.getContext("2d");
  const light = pen.createLinearGradient(0, 0, 0, 128);
  light.addColorStop(0, `hsl(${hue + 40} 80% 50% / 0)`);
  light.addColorStop(0.6, `hsl(${hue + 20} 85% 50% / 0.22)`);
  light.addColorStop(0.9, `hsl(${hue} 90% 58% / 0.6)`);
  light.addColorStop(1, `hsl(${hue} 90% 60% / 0)`);
  pen.fillStyle = light;
  pen.fillRect(0, 0, 1, 128);
  return strip;
}

/** A line of hills: noise in four octaves, -1 to 1. */
function ridge(at, seed) {
  let sum = 0;
  let weight = 0.58;
  for (let octave = 0; octave < 4; octave += 1) {
    sum += weight * smooth(at, seed + octave * 101);
    at *= 2.1;
    weight *= 0.42;
  }
  return sum;
}

function smooth(at, seed) {
  const whole = Math.floor(at);
  const part = at - whole;
  const ease = part * part * (3 - 2 * part);
  return scatter(whole, seed) * (1 - ease) + scatter(whole + 1, seed) * ease;
}

function scatter(whole, seed) {
  let hash = Math.imul(whole ^ Math.imul(seed, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2147483648 - 1;
}
