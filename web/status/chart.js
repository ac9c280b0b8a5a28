/** A small chart of the last minutes: some lines, each with its newest value. */

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;
const HEIGHT = 84;
const KEPT = 150; // values of each line

export class Chart {
  root = document.createElement("article");
  #lines;
  #format;
  #atLeast;
  #top;

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
      const axis = document.createElementNS(SVG, "line");
      for (const [name, value] of Object.entries({ x1: 0, x2: WIDTH, y1: y, y2: y })) axis.setAttribute(name, value);
      axis.setAttribute("class", "axis");
      drawn.append(axis);
    }
    const legend = document.createElement("ul");
    legend.className = "legend";
    this.#lines = lines.map((name, place) => this.#makeLine(name, place, drawn, legend));
    this.root.className = "chart";
    this.root.append(heading, this.#top, drawn, legend);
  }

  #makeLine(name, place, drawn, legend) {
    const path = document.createElementNS(SVG, "polyline");
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

  /** Add the newest value of each line; null where there is none. */
  add(values) {
    for (const [place, line] of this.#lines.entries()) {
      const value = values[place] ?? null;
      line.values = [...line.values, value].slice(-KEPT);
      line.newest.textContent = value === null ? "–" : this.#format(value);
    }
    const highest = Math.max(this.#atLeast, ...this.#lines.flatMap((line) => line.values.map((value) => value ?? 0)));
    this.#top.textContent = this.#format(highest);
    for (const { values: kept, path } of this.#lines) {
      const points = kept.map((value, at) => {
        const x = WIDTH - ((kept.length - 1 - at) * WIDTH) / (KEPT - 1);
        return `${x.toFixed(1)},${(HEIGHT - ((value ?? 0) / highest) * HEIGHT).toFixed(1)}`;
      });
      path.setAttribute("points", points.join(" "));
    }
  }
}
