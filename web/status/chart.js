/** A small chart of the last five minutes: some lines, each with its newest value. */

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;
const HEIGHT = 84;
const SPAN_MS = 300_000; // from its left to its right
const KEPT_AT_MOST = 400; // points in time

export class Chart {
  root = document.createElement("article");
  #lines;
  #format;
  #atLeast;
  #top;
  #times = [];

  /** @param {{title: string, unit: string, lines: string[], format: (value: number) => string, atLeast: number}} what */
  constructor({ title, unit, lines, format, atLeast }) {
    this.#format = format;
    this.#atLeast = atLeast;
    const heading = document.createElement("h3");
    const said = document.createElement("span");
    said.textContent = ` ${unit}`;
    heading.append(title, said);
    this.#top = document.createElement("div");
    this.#top.className = "top";
    const drawn = document.createElementNS(SVG, "svg");
    drawn.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    drawn.setAttribute("preserveAspectRatio", "none");
    drawn.setAttribute("aria-hidden", "true"); // the newest values stand beside it
    for (const y of [0, HEIGHT / 2, HEIGHT]) {
      const rule = document.createElementNS(SVG, "line");
      for (const [name, value] of Object.entries({ x1: 0, x2: WIDTH, y1: y, y2: y })) rule.setAttribute(name, value);
      rule.setAttribute("class", "axis");
      drawn.append(rule);
    }
    const axis = document.createElement("div");
    axis.className = "axis-x";
    axis.setAttribute("aria-hidden", "true");
    for (const text of ["5 minutes ago", "now"]) {
      const end = document.createElement("span");
      end.textContent = text;
      axis.append(end);
    }
    const legend = document.createElement("ul");
    legend.className = "legend";
    this.#lines = lines.map((name, place) => this.#makeLine(name, place, drawn, legend));
    this.root.className = "chart";
    this.root.append(heading, this.#top, drawn, axis, legend);
  }

  #makeLine(name, place, drawn, legend) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", `line-${place}`);
    drawn.append(path);
    const item = document.createElement("li");
    item.className = `line-${place}`;
    const [label, newest] = [document.createElement("span"), document.createElement("b")];
    label.textContent = name;
    newest.textContent = "–";
    item.append(label, newest);
    legend.append(item);
    return { values: [], path, newest };
  }

  /** Add the newest value of each line, as of `at` in milliseconds; null where there is none. */
  add(at, values) {
    this.#times.push(at);
    const old = this.#times.findIndex((time) => time >= at - SPAN_MS);
    const drop = Math.max(old, this.#times.length - KEPT_AT_MOST, 0);
    this.#times = this.#times.slice(drop);
    for (const [place, line] of this.#lines.entries()) {
      const value = values[place] ?? null;
      line.values = [...line.values, value].slice(drop);
      line.newest.textContent = value === null ? "–" : this.#format(value);
    }
    const highest = Math.max(this.#atLeast, ...this.#lines.flatMap((line) => line.values.map((value) => value ?? 0)));
    this.#top.textContent = this.#format(highest);
    for (const { values: kept, path } of this.#lines) path.setAttribute("d", this.#way(kept, highest));
  }

  /** A line through the values that there are; one that stands alone is a dot. */
  #way(values, highest) {
    const now = this.#times.at(-1);
    let way = "";
    let drawing = false;
    for (const [place, value] of values.entries()) {
      if (value !== null) {
        const x = WIDTH - ((now - this.#times[place]) / SPAN_MS) * WIDTH;
        const point = `${x.toFixed(1)},${(HEIGHT - (value / highest) * HEIGHT).toFixed(1)}`;
        way += drawing ? `L${point}` : `M${point}h0.1`;
      }
      drawing = value !== null;
    }
    return way;
  }
}
