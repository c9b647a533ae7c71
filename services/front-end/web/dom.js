// Parts of a page. Texts only ever become text: no name of a toy is read as HTML.

export const byId = (id) => document.getElementById(id);

/** An element with a class and children; strings become text. */
export function element(tag, { className, ...properties } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
  made.append(...children.map(asNode));
  return made;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/** Sets a text only where it changes, so that nothing is announced twice. */
export function say(where, text, mood = "") {
  if (where.textContent !== text) where.textContent = text;
  for (const name of ["good", "bad", "busy"]) where.classList.toggle(name, name === mood);
}

/** Replaces a table's rows; each row is its cells, the first of them its header. */
export function fill(table, rows) {
  table.tBodies[0].replaceChildren(...rows.map(([header, ...cells]) => {
    return element("tr", {}, element("th", { scope: "row" }, header), ...cells);
  }));
}

/** A cell of a table. */
export const cell = (content, className = "") => element("td", { className }, content);

/** The time of day of a moment in milliseconds since 1970. */
export function clock(millis) {
  return element("time", { datetime: new Date(millis).toISOString() },
    new Date(millis).toLocaleTimeString("en-GB"));
}
