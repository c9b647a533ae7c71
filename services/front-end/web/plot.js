// Small plots of the last samples, as SVG.

const SPACE = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [240, 80];

/** A plot of some lines over so many samples; `steps` draws from value to value in right angles. */
export class Plot {
  #svg;
  #paths;
  #samples = [];
  #kept;
  #steps;

  constructor(svg, { lines = 1, kept = 120, steps = false } = {}) {
    this.#svg = svg;
    this.#kept = kept;
    this.#steps = steps;
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    this.#paths = ["one", "two"].slice(0, lines).map((name) => {
      const path = document.createElementNS(SPACE, "path");
      path.setAttribute("class", name);
      svg.append(path);
      return path;
    });
  }

  /** One value for each line; null leaves a gap. */
  add(values, words) {
    this.#samples.push(values);
    if (this.#samples.length > this.#kept) this.#samples.shift();
    const top = Math.max(1e-9, ...this.#samples.flat().filter((value) => value !== null));
    this.#paths.forEach((path, line) => {
      path.setAttribute("d", this.#line(line, top));
    });
    this.#svg.setAttribute("aria-label", words);
  }

  #line(line, top) {
    const first = this.#kept - this.#samples.length;
    let drawn = "";
    let before = null;
    this.#samples.forEach((values, at) => {
      const value = values[line];
      if (value !== null) {
        const x = ((first + at) / (this.#kept - 1)) * WIDTH;
        const y = HEIGHT - 2 - (value / top) * (HEIGHT - 6);
        if (before === null) drawn += `M${x.toFixed(1)} ${y.toFixed(1)}`;
        else drawn += this.#steps ? `H${x.toFixed(1)}V${y.toFixed(1)}` : `L${x.toFixed(1)} ${y.toFixed(1)}`;
      }
      before = value;
    });
    return drawn;
  }
}
