// @ts-check
/** The icons of the header: one path each on a 16 by 16 grid, in the colour of the text around them. */

const SVG = "http://www.w3.org/2000/svg";

/** @type {Record<string, string>} */
const PATHS = {
  stop: "M4 4h8v8H4z",
  again: "M13 3v3.5H9.5M12.6 6.2A5 5 0 1 0 13 9",
  copy: "M6 6V3h7v7h-3M3 6h7v7H3z",
  check: "M3.5 8.5l3 3 6-7",
  download: "M8 2.5v7M5 7l3 3 3-3M3 13h10",
  pin: "M6 2.5h4l-.5 4 2 2.5h-7l2-2.5zM8 9v4.5",
};

/** @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `wb-svg wb-svg-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
