// What both explorers are made of: controls with labels, and small charts in SVG.
// Colours come from explorer.css, so that dark mode and print are settled there.

const SVG = "http://www.w3.org/2000/svg";

function element(parent, name, attributes = {}, text = "") {
  const svg = ["svg", "g", "path", "line", "circle", "rect", "text", "title"].includes(name);
  const made = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  parent.append(made);
  return made;
}

// The sheet that controls and results are put on. It fits itself to the width of `el`, not of the
// window, and formulas and charts run from left to right on any page.
function root(el, label) {
  el.classList.add("tc-explorer");
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", label);
  el.dir = "ltr";
  return element(el, "div", { class: "tc-sheet" });
}

// JupyterLab and Notebook take the arrow keys for a move to another cell, and d d for its deletion,
// unless what has the focus says that keys are its own.
const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };

function input(parent, attributes) {
  return element(parent, "input", { ...attributes, ...OWN_KEYS });
}

// A slider over named positions. `moved` is called with the new position's index. Where `typed` is
// given, there can be a field beside the label, for what lies between the positions: `typed` gets its
// text, and answers with what is wrong with it, or "". `show` is then called with 2.5 between the
// third position and the fourth. `use` says whether the slider counts for anything now, and whether
// that field is there.
function slider(parent, label, names, start, moved, typed = null) {
  const box = element(parent, "div", { class: "tc-slider" });
  const id = `tc-${Math.random().toString(36).slice(2)}`;
  element(box, "label", { for: id }, label);
  const shown = element(box, "b");
  const field = input(box, { type: "text", inputmode: "decimal", "aria-label": `${label}: any value` });
  const unused = element(box, "small", { hidden: "" }, "not used by this method");
  const range = input(box, { type: "range", id, min: 0, max: names.length - 1, step: 1 });
  const use = (isUsed, isOpen) => {
    range.disabled = !isUsed;
    unused.hidden = isUsed;
    field.hidden = !(isUsed && isOpen && typed);
    shown.hidden = !isUsed || !field.hidden;
  };
  const show = (index, text = names[index]) => {
    // From between two positions an arrow key leads to the nearest one on its side.
    const [min, max] = [Math.min(0, index), Math.max(names.length - 1, index)];
    Object.assign(range, { min, max, step: index % 1 ? 0.5 : 1, value: index });
    shown.textContent = text;
    if (document.activeElement !== field) {
      field.value = text;
      field.setCustomValidity("");
    }
    range.setAttribute("aria-valuetext", text);
  };
  use(true, false);
  show(start);
  range.addEventListener("input", () => {
    const index = Math.round(range.value);
    show(index);
    moved(index);
  });
  field.addEventListener("input", () => field.setCustomValidity(""));
  const take = () => {
    field.setCustomValidity(typed(field.value));
    field.reportValidity();
  };
  field.addEventListener("change", take);
  // JupyterLab keeps Enter from ending the input, so that there is no change.
  field.addEventListener("keydown", event => event.key === "Enter" && take());
  return { show, use };
}

function button(parent, text, pressed) {
  const made = element(parent, "button", { type: "button", ...OWN_KEYS }, text);
  made.addEventListener("click", pressed);
  return made;
}

// Axes with ticks and labels; returns the drawing, emptied, and the two scales.
function chart(holder, { label, x, y, width = 340, height = 210 }) {
  holder.replaceChildren();
  const svg = element(holder, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
  svg.setAttribute("aria-label", label);
  const [left, right, top, bottom] = [58, width - 16, 10, height - 38];
  const scale = ({ from, to, log }, low, high) => value => {
    const at = log ? Math.log : v => v;
    const share = (at(value) - at(from)) / (at(to) - at(from));
    return low + Math.max(-0.02, Math.min(1.02, share)) * (high - low);
  };
  const px = scale(x, left, right), py = scale(y, bottom, top);
  for (const [tick, text = tick] of x.ticks) {
    element(svg, "line", { x1: px(tick), x2: px(tick), y1: top, y2: bottom, class: "tc-grid" });
    const at = { x: px(tick), y: bottom + 14, "text-anchor": "middle" };
    element(svg, "text", at, text);
  }
  for (const [tick, text = tick] of y.ticks) {
    element(svg, "line", { x1: left, x2: right, y1: py(tick), y2: py(tick), class: "tc-grid" });
    element(svg, "text", { x: left - 5, y: py(tick) + 4, "text-anchor": "end" }, text);
  }
  const below = { x: (left + right) / 2, y: height - 6, "text-anchor": "middle" };
  element(svg, "text", below, x.label);
  const turned = `rotate(-90) translate(${-(top + bottom) / 2} 12)`;
  element(svg, "text", { transform: turned, "text-anchor": "middle" }, y.label);
  return { svg, px, py, left, right, top, bottom };
}

function line({ svg, px, py }, points, kind) {
  const path = points.map(([x, y], i) => `${i ? "L" : "M"}${px(x)} ${py(y)}`).join("");
  element(svg, "path", { d: path, class: `tc-line tc-${kind}` });
}

function dots({ svg, px, py }, points, kind) {
  for (const [x, y] of points)
    element(svg, "circle", { cx: px(x), cy: py(y), r: 3, class: `tc-dot tc-${kind}` });
}

// Save a text as a file of this name.
function download(text, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

// A drawing that looks the same outside of this page: its style is written into it.
function asFile(svg) {
  const copy = svg.cloneNode(true);
  const [here, there] = [svg, copy].map(it => [it, ...it.querySelectorAll("*")]);
  const names = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "font-size"];
  there.forEach((each, i) => {
    const style = getComputedStyle(here[i]);
    each.setAttribute("style", names.map(name => `${name}: ${style.getPropertyValue(name)}`).join(";"));
  });
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("font-family", "sans-serif");
  copy.setAttribute("color", getComputedStyle(svg).color);
  // The page's ground, without which the light text of a dark page could not be read.
  const colourOf = it => getComputedStyle(it).backgroundColor;
  let ground = svg;
  while (ground.parentElement && /^(transparent|rgba.* 0\))$/.test(colourOf(ground)))
    ground = ground.parentElement;
  const sheet = element(copy, "rect", { width: "100%", height: "100%", fill: colourOf(ground) });
  copy.prepend(sheet);
  return new XMLSerializer().serializeToString(copy);
}

// A legend whose samples look like the lines: colour, dash and mark.
function legend(parent, entries) {
  const list = element(parent, "ul", { class: "tc-legend" });
  const make = (kind, text) => {
    const item = element(list, "li");
    const svg = element(item, "svg", { viewBox: "0 0 30 10", "aria-hidden": "true" });
    element(svg, "path", { d: "M0 5L30 5", class: `tc-line tc-${kind}` });
    element(item, "span", {}, text);
    return item;
  };
  return Object.fromEntries(entries.map(([kind, text]) => [kind, make(kind, text)]));
}
