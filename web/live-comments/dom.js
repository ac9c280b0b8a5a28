/** Making elements. Text is only ever set as text, and nothing is parsed as markup. */

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties (`class`, `text`, `on…`, else attributes; null: without it) and children. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [property, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (property === "class") made.className = value;
    else if (property === "text") made.textContent = value;
    else if (property.startsWith("on")) made.addEventListener(property.slice(2), value);
    else made.setAttribute(property, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A picture of one path in a square of 16. */
export function icon(path) {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("viewBox", "0 0 16 16");
  made.setAttribute("aria-hidden", "true");
  const drawn = document.createElementNS(SVG, "path");
  drawn.setAttribute("d", path);
  made.append(drawn);
  return made;
}
