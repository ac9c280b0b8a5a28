/** A football match, seen from the stand. It plays itself, by chance; its moment is a goal. */

import { seedOf, sequence } from "./chance.js";
import { HEIGHT, WIDTH } from "./player.js";

const LENGTH_M = 105;
const WIDTH_M = 68;
const HORIZON = 148; // where the far touchline lies, in pixels from the top
const FLOOR = 508; // and the near one
const RUN_M_S = 6.2;
const PASS_M_S = 19;
const SHOT_S = 0.55;
const CELEBRATION_S = 9;
const KICK_OFF_MINUTE = 63;
const CONFETTI = 130;

const TEAMS = [
  { short: "NOR", shirt: "#f4f6ff", trim: "#2743d8" },
  { short: "LAR", shirt: "#f2323f", trim: "#7d0d1b" },
];

// Where a team stands that plays to the right, with the ball at the centre: metres from its own goal, and across.
const FORMATION = [
  [5, 34], [24, 10], [20, 26], [20, 42], [24, 58], [42, 16], [38, 34], [42, 52], [60, 12], [64, 34], [60, 56],
]; // prettier-ignore

export class Match {
  #random;
  #players;
  #ball = { u: LENGTH_M / 2, v: WIDTH_M / 2, height: 0 };
  #kick = null; // {from, to, began, lasts, receiver}: the ball is on its way
  #holder = 9;
  #holdsUntil = 0;
  #score = [0, 0];
  #celebrates = -Infinity;
  #goalAt = null; // when the shot goes in
  #confetti = [];
  #stand = null;
  #last = null;

  constructor(room) {
    this.#random = sequence(seedOf(room));
    this.#players = [0, 1].flatMap((team) =>
      FORMATION.map(([u, v]) => ({ team, home: mirrored(team, u, v), ...at(mirrored(team, u, v)), phase: this.#random() * 6 })),
    );
  }

  /** The next thing that happens is a goal. */
  moment(seconds) {
    this.#goalAt = seconds + SHOT_S;
    this.#ball = { u: 90, v: 27 + this.#random() * 12, height: 0 };
    const to = { u: LENGTH_M + 1.2, v: 31.5 + this.#random() * 5 };
    this.#kick = { from: { ...this.#ball }, to, began: seconds, lasts: SHOT_S, receiver: null, lift: 1.4 };
  }

  draw(pen, seconds) {
    this.#stand ??= paintedStand(sequence(11));
    const step = this.#last === null ? 0 : Math.min(seconds - this.#last, 0.2);
    this.#last = seconds;
    this.#play(seconds, step);
    pen.drawImage(this.#stand, 0, 0);
    this.#drawFlashes(pen, seconds);
    drawPitch(pen);
    const things = [...this.#players, { ...this.#ball, isBall: true }].sort((one, other) => one.v - other.v);
    for (const thing of things) {
      if (thing.isBall) drawBall(pen, thing);
      else drawPlayer(pen, thing, seconds);
    }
    this.#drawConfetti(pen, seconds);
    this.#drawScore(pen, seconds);
  }

  #play(seconds, step) {
    if (this.#goalAt !== null && seconds >= this.#goalAt) {
      this.#goalAt = null;
      this.#score[0] += 1;
      this.#celebrates = seconds;
      this.#kick = null;
      this.#confetti = Array.from({ length: CONFETTI }, (_, place) => ({
        x: this.#random() * WIDTH,
        y: -this.#random() * 260,
        turn: this.#random() * 6,
        colour: `hsl(${(place * 47) % 360} 90% 62%)`,
      }));
    }
    const celebrating = seconds - this.#celebrates < CELEBRATION_S;
    if (!celebrating && this.#ball.u > LENGTH_M) this.#kickOff(seconds);
    if (this.#kick) this.#fly(seconds);
    else if (!celebrating) this.#hold(seconds);
    for (const [index, player] of this.#players.entries()) this.#run(player, index, seconds, step, celebrating);
  }

  #kickOff(seconds) {
    this.#ball = { u: LENGTH_M / 2, v: WIDTH_M / 2, height: 0 };
    this.#holder = 20;
    this.#holdsUntil = seconds + 1.5;
  }

  #fly(seconds) {
    const { from, to, began, lasts, receiver, lift } = this.#kick;
    const part = Math.min((seconds - began) / lasts, 1);
    this.#ball = {
      u: from.u + (to.u - from.u) * part,
      v: from.v + (to.v - from.v) * part,
      height: lift * 4 * part * (1 - part),
    };
    if (part < 1 || receiver === null) return;
    this.#kick = null;
    this.#holder = receiver;
    this.#holdsUntil = seconds + 0.5 + this.#random() * 1.3;
  }

  #hold(seconds) {
    const holder = this.#players[this.#holder];
    const ahead = holder.team === 0 ? 1 : -1;
    this.#ball = { u: holder.u + 0.9 * ahead, v: holder.v + 0.4, height: 0 };
    if (seconds < this.#holdsUntil) return;
    const receiver = this.#chooseReceiver(holder, ahead);
    const { u, v } = this.#players[receiver];
    const far = Math.hypot(u - this.#ball.u, v - this.#ball.v);
    const lasts = Math.max(far / PASS_M_S, 0.3);
    this.#kick = { from: { ...this.#ball }, to: { u, v }, began: seconds, lasts, receiver, lift: far > 25 ? 3.5 : 0.2 };
  }

  /** Mostly somebody of the same team, not too far away, rather in front than behind; now and then one of the others. */
  #chooseReceiver(holder, ahead) {
    const lost = this.#random() < 0.16;
    let best = this.#holder;
    let bestWorth = -Infinity;
    for (const [index, { team, u, v }] of this.#players.entries()) {
      if (index === this.#holder || (team === holder.team) === lost || index % FORMATION.length === 0) continue;
      const far = Math.hypot(u - holder.u, v - holder.v);
      const worth = -Math.abs(far - 15) + (u - holder.u) * ahead * 0.35 + this.#random() * 22;
      if (worth > bestWorth) [best, bestWorth] = [index, worth];
    }
    return best;
  }

  #run(player, index, seconds, step, celebrating) {
    const { u: homeU, v: homeV } = at(player.home);
    const keeper = index % FORMATION.length === 0;
    const shift = keeper ? 0.06 : 0.55;
    const wander = keeper ? 0.6 : 3;
    let aimU = homeU + shift * (this.#ball.u - LENGTH_M / 2) + wander * Math.sin(seconds * 0.5 + player.phase);
    let aimV = homeV + shift * 0.5 * (this.#ball.v - WIDTH_M / 2) + wander * Math.cos(seconds * 0.43 + player.phase * 2);
    if (celebrating && player.team === 0 && !keeper) {
      aimU = 97 + 2.6 * Math.cos(player.phase * 3 + index);
      aimV = 9 + 2.2 * Math.sin(player.phase * 5 + index);
    } else if (index === this.#kick?.receiver) {
      [aimU, aimV] = [this.#kick.to.u, this.#kick.to.v];
    }
    const [du, dv] = [aimU - player.u, aimV - player.v];
    const far = Math.hypot(du, dv);
    const move = Math.min(RUN_M_S * step * (celebrating ? 1.4 : 1), far);
    player.speed = step > 0 ? move / step : 0;
    if (far > 0.05) {
      player.u = Math.min(Math.max(player.u + (du / far) * move, 1), LENGTH_M - 1);
      player.v = Math.min(Math.max(player.v + (dv / far) * move, 1), WIDTH_M - 1);
    }
  }

  #drawFlashes(pen, seconds) {
    const excited = seconds - this.#celebrates < CELEBRATION_S;
    const random = sequence(Math.floor(seconds * 8));
    pen.fillStyle = "#ffffff";
    for (let flash = 0; flash < (excited ? 26 : 2); flash += 1) {
      pen.globalAlpha = 0.4 + 0.6 * random();
      pen.beginPath();
      pen.arc(random() * WIDTH, 34 + random() * 90, 1.2 + random() * 1.6, 0, 7);
      pen.fill();
    }
    pen.globalAlpha = 1;
  }

  #drawConfetti(pen, seconds) {
    const age = seconds - this.#celebrates;
    if (age > CELEBRATION_S) return;
    for (const { x, y, turn, colour } of this.#confetti) {
      pen.fillStyle = colour;
      const side = 7 * Math.cos(age * 5 + turn);
      pen.fillRect(x + 18 * Math.sin(age * 2 + turn), y + age * (85 + turn * 9), side, 5);
    }
  }

  #drawScore(pen, seconds) {
    const minute = KICK_OFF_MINUTE + Math.floor(seconds / 60);
    const clock = `${minute}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
    pen.textBaseline = "middle";
    pen.font = "700 17px system-ui, sans-serif";
    pen.fillStyle = "rgb(8 10 22 / 78%)";
    pen.beginPath();
    pen.roundRect(WIDTH / 2 - 125, 16, 250, 32, 8);
    pen.fill();
    pen.textAlign = "center";
    [0, 1].forEach((team) => {
      pen.fillStyle = TEAMS[team].trim;
      pen.fillRect(WIDTH / 2 - 117 + team * 112, 22, 5, 20);
      pen.fillStyle = "#ffffff";
      pen.fillText(TEAMS[team].short, WIDTH / 2 - 87 + team * 112, 33);
    });
    pen.fillText(`${this.#score[0]} – ${this.#score[1]}`, WIDTH / 2 - 34, 33);
    pen.fillStyle = "#c9cee8";
    pen.fillText(clock, WIDTH / 2 + 86, 33);
    const age = seconds - this.#celebrates;
    if (age < 4.5) this.#drawGoal(pen, age);
  }

  #drawGoal(pen, age) {
    const size = 120 + 26 * Math.sin(Math.min(age * 4, 1.57)) + 5 * Math.sin(age * 9);
    pen.globalAlpha = Math.min(1, (4.5 - age) * 2);
    pen.font = `900 ${size}px system-ui, sans-serif`;
    pen.lineJoin = "round";
    pen.lineWidth = 14;
    pen.strokeStyle = "rgb(20 8 60 / 85%)";
    pen.strokeText("GOAL!", WIDTH / 2, HEIGHT / 2 - 14);
    pen.fillStyle = "#ffe14a";
    pen.fillText("GOAL!", WIDTH / 2, HEIGHT / 2 - 14);
    pen.globalAlpha = 1;
  }
}

function mirrored(team, u, v) {
  return team === 0 ? [u, v] : [LENGTH_M - u, WIDTH_M - v];
}

function at([u, v]) {
  return { u, v };
}

/** A place on the pitch, in metres, as a place in the picture, with the scale there in pixels a metre. */
function seen(u, v, height = 0) {
  const near = (v / WIDTH_M) ** 1.22;
  const scale = 6.9 + 3.5 * near;
  return { x: WIDTH / 2 + (u - LENGTH_M / 2) * scale, y: HORIZON + (FLOOR - HORIZON) * near - height * scale, scale };
}

function line(pen, ...places) {
  pen.beginPath();
  for (const [u, v] of places) {
    const { x, y } = seen(u, v);
    pen.lineTo(x, y);
  }
  pen.stroke();
}

function ring(pen, u, v, radius, from = 0, to = Math.PI * 2) {
  const places = Array.from({ length: 33 }, (_, step) => from + ((to - from) * step) / 32);
  line(pen, ...places.map((angle) => [u + radius * Math.cos(angle), v + radius * Math.sin(angle)]));
}

function drawPitch(pen) {
  const stripes = 14;
  for (let stripe = -3; stripe < stripes + 3; stripe += 1) {
    pen.fillStyle = stripe % 2 === 0 ? "#2f8f4a" : "#37a055";
    const [from, to] = [(stripe * LENGTH_M) / stripes, ((stripe + 1) * LENGTH_M) / stripes];
    pen.beginPath();
    for (let v = 0; v <= WIDTH_M + 8; v += 4) pen.lineTo(seen(to, v).x + 1, seen(to, v).y);
    for (let v = WIDTH_M + 8; v >= 0; v -= 4) pen.lineTo(seen(from, v).x, seen(from, v).y);
    pen.fill();
  }
  pen.strokeStyle = "rgb(255 255 255 / 78%)";
  pen.lineWidth = 2;
  line(pen, [0, 0], [LENGTH_M, 0], [LENGTH_M, WIDTH_M], [0, WIDTH_M], [0, 0]);
  line(pen, [LENGTH_M / 2, 0], [LENGTH_M / 2, WIDTH_M]);
  ring(pen, LENGTH_M / 2, WIDTH_M / 2, 9.15);
  for (const [goal, inside] of [[0, 1], [LENGTH_M, -1]]) {
    line(pen, [goal, 13.8], [goal + 16.5 * inside, 13.8], [goal + 16.5 * inside, 54.2], [goal, 54.2]);
    line(pen, [goal, 24.8], [goal + 5.5 * inside, 24.8], [goal + 5.5 * inside, 43.2], [goal, 43.2]);
    drawGoalPosts(pen, goal, inside);
  }
}

function drawGoalPosts(pen, goal, inside) {
  const [far, near] = [seen(goal, 30.3), seen(goal, 37.7)];
  const high = 2.6;
  const back = -2.4 * inside;
  pen.fillStyle = "rgb(255 255 255 / 20%)";
  pen.beginPath();
  pen.moveTo(far.x, far.y - high * far.scale);
  pen.lineTo(near.x, near.y - high * near.scale);
  pen.lineTo(near.x + back * near.scale, near.y);
  pen.lineTo(far.x + back * far.scale, far.y);
  pen.fill();
  pen.lineWidth = 4;
  pen.strokeStyle = "#ffffff";
  pen.beginPath();
  pen.moveTo(far.x, far.y);
  pen.lineTo(far.x, far.y - high * far.scale);
  pen.lineTo(near.x, near.y - high * near.scale);
  pen.lineTo(near.x, near.y);
  pen.stroke();
  pen.lineWidth = 2;
  pen.strokeStyle = "rgb(255 255 255 / 78%)";
}

function shadow(pen, x, y, wide) {
  pen.fillStyle = "rgb(6 30 14 / 38%)";
  pen.beginPath();
  pen.ellipse(x + wide * 0.5, y, wide, wide * 0.34, 0, 0, 7);
  pen.fill();
}

function drawBall(pen, { u, v, height }) {
  const ground = seen(u, v);
  shadow(pen, ground.x, ground.y, 3.4);
  pen.fillStyle = "#ffffff";
  pen.beginPath();
  pen.arc(ground.x, ground.y - height * ground.scale - 3, 3.6, 0, 7);
  pen.fill();
}

function drawPlayer(pen, { team, u, v, speed = 0, phase }, seconds) {
  const { x, y, scale } = seen(u, v);
  const tall = 1.95 * scale;
  const stride = Math.sin(seconds * 11 + phase * 3) * Math.min(speed / RUN_M_S, 1) * tall * 0.2;
  shadow(pen, x, y, tall * 0.32);
  pen.lineCap = "round";
  pen.strokeStyle = TEAMS[team].trim;
  pen.lineWidth = tall * 0.14;
  pen.beginPath();
  pen.moveTo(x, y - tall * 0.42);
  pen.lineTo(x - stride, y);
  pen.moveTo(x, y - tall * 0.42);
  pen.lineTo(x + stride, y);
  pen.stroke();
  pen.fillStyle = TEAMS[team].shirt;
  pen.beginPath();
  pen.roundRect(x - tall * 0.17, y - tall * 0.82, tall * 0.34, tall * 0.46, tall * 0.1);
  pen.fill();
  pen.fillStyle = phase > 3 ? "#8d5a3b" : "#e2b48c";
  pen.beginPath();
  pen.arc(x, y - tall * 0.93, tall * 0.12, 0, 7);
  pen.fill();
  pen.lineCap = "butt";
}

/** The stand on the far side, painted once: rows of people under the lights, and boards in front of them. */
function paintedStand(random) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  const pen = canvas.getContext("2d");
  const night = pen.createLinearGradient(0, 0, 0, HORIZON);
  night.addColorStop(0, "#0a1030");
  night.addColorStop(1, "#2a2f63");
  pen.fillStyle = night;
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  for (let y = 30; y < 126; y += 6) {
    for (let x = (y % 12) / 2; x < WIDTH; x += 7) {
      const mood = random();
      const light = 20 + 34 * random() + (y - 30) * 0.14;
      pen.fillStyle = mood < 0.42 ? `hsl(228 60% ${light + 12}%)` : mood < 0.72 ? `hsl(355 70% ${light}%)` : `hsl(30 22% ${light}%)`;
      pen.beginPath();
      pen.arc(x + random() * 2, y + random() * 2, 2.5, 0, 7);
      pen.fill();
    }
  }
  const roof = pen.createLinearGradient(0, 0, 0, 60);
  roof.addColorStop(0, "rgb(5 7 20 / 95%)");
  roof.addColorStop(1, "rgb(5 7 20 / 0%)");
  pen.fillStyle = roof;
  pen.fillRect(0, 0, WIDTH, 60);
  pen.fillStyle = "#11153a";
  pen.fillRect(0, 126, WIDTH, HORIZON - 126);
  pen.font = "800 14px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  ["LIVE COMMENTS", "NORTHPORT", "EVERY COMMENT ONCE", "LARKFIELD", "IN ORDER"].forEach((text, place) => {
    pen.fillStyle = ["#7f8bff", "#f4f6ff", "#ffd84a", "#ff6470", "#5fe0b0"][place];
    pen.fillText(text, WIDTH * (0.1 + place * 0.2), 138);
  });
  return canvas;
}
