// The figures of the transfer explorer: each draws what it is given, and knows nothing else.

const PERCENT = [[0], [0.2], [0.4], [0.6], [0.8], [1]].map(([tick]) => [tick, `${100 * tick} %`]);
const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;

const shortened = name => (name.length > 10 ? `${name.slice(0, 9)}…` : name);

// Accuracy along a control: a line with its band per method, and where the controls stand.
function responseFigure(holder, { control, label, lines, settings, about, title }) {
  const places = about.positions[control];
  const isFreeze = control === "freeze";
  const numbers = isFreeze ? places.map((_, i) => i) : places;
  const at = isFreeze ? places.indexOf(settings.freeze) : settings[control];
  const end = path => path.split(" (")[0].split("/").at(-1); // of a layer's path, or of a sentence
  const name = place => (isFreeze ? shortened(end(about.freeze_names[place])) : String(place));
  const log = !isFreeze;
  const seen = [at, ...numbers].filter(x => x > 0 || isFreeze);
  const [first, last] = [Math.min(...seen), Math.max(...seen)];
  const pad = first === last ? 1 : 0;
  const isZero = log && at === 0; // an axis of powers has none: it is at the left end then
  const ticks = numbers.map((x, i) => [x, name(places[i])]);
  const lows = lines.flatMap(({ answers, points }) =>
    points.map(point => (answers && point.low > 0 ? point.low : point.mean))
  );
  const floor = Math.min(0.8, Math.floor(5 * Math.min(...lows, 1)) / 5);
  const axes = chart(holder, {
    label: title,
    x: {
      from: isZero ? first / 4 : log && pad ? first / 2 : first - pad,
      to: last + pad,
      log,
      ticks: isZero ? [[0], ...ticks] : ticks,
      label,
    },
    y: { from: floor, to: 1, ticks: PERCENT.filter(([tick]) => tick >= floor), label: "accuracy" },
  });
  const here = axes.px(at);
  element(axes.svg, "line", { x1: here, x2: here, y1: axes.top, y2: axes.bottom, class: "tc-here" });
  for (const { method, answers, points } of lines) {
    const banded = points.filter(({ low }) => !Number.isNaN(low));
    if (answers && banded.length > 1) {
      const edge = [...banded.map(p => [p.x, p.high]), ...banded.reverse().map(p => [p.x, p.low])];
      const d = edge.map(([x, y], i) => `${i ? "L" : "M"}${axes.px(x)} ${axes.py(y)}`).join("") + "Z";
      element(axes.svg, "path", { d, class: `tc-band tc-${method}` });
    }
  }
  for (const { method, answers, points } of lines) {
    const on = points.map(point => [point.x, point.mean]);
    line(axes, on, answers ? method : `${method} tc-flat`);
    if (answers) dots(axes, on, method);
    for (const [x, y] of settings.method === method ? on.filter(([x]) => x === at) : [])
      element(axes.svg, "circle", { cx: axes.px(x), cy: axes.py(y), r: 7, class: `tc-dot tc-hollow tc-${method}` });
  }
}

// Accuracy by epoch, of the run and of the one that is pinned.
function curvesFigure(holder, { epochs, run, pinned, title }) {
  const last = epochs.at(-1);
  const axes = chart(holder, {
    label: `Accuracy by epoch: ${title}`,
    x: { from: 1, to: last, log: true, ticks: epochs.filter((e, i) => i < 5 || e === last).map(e => [e]), label: "epochs" },
    y: { from: 0, to: 1, ticks: PERCENT, label: "accuracy" },
  });
  const points = shares => shares.map((share, i) => [epochs[i], share]);
  if (pinned) line(axes, points(pinned.test), "pinned");
  for (const part of ["train", "test"])
    if (run[part].length) {
      line(axes, points(run[part]), part);
      dots(axes, points(run[part]), part);
    }
}

// One dot per draw; rows are [name, runs as of runsAt, class].
function spreadFigure(holder, { rows, episode }) {
  const last = ({ run }) => run.test.at(-1);
  const axes = chart(holder, {
    label: rows.map(([name, runs]) => `${name}: mean ${percent(mean(runs.map(last)))}`).join("; "),
    x: { from: 0, to: 1, ticks: PERCENT, label: "accuracy" },
    y: { from: 0, to: rows.length, ticks: [], label: "" },
    height: 50 + 42 * rows.length,
  });
  rows.forEach(([name, runs, kind], i) => {
    const at = axes.py(rows.length - i - 0.5);
    element(axes.svg, "text", { x: 2, y: at + 4 }, name);
    for (const each of runs) {
      const circle = element(axes.svg, "circle", {
        cx: axes.px(last(each)),
        cy: at,
        r: kind === "test" && each.episode === episode ? 6 : 4,
        class: `tc-dot tc-${kind} ${each.live ? "" : "tc-hollow"}`,
      });
      const source = each.live ? "computed here" : "from the grid";
      element(circle, "title", {}, `draw ${each.episode + 1}: ${percent(last(each), 1)}, ${source}`);
    }
    const bar = axes.px(mean(runs.map(last)));
    const ends = { x1: bar, x2: bar, y1: at - 14, y2: at + 14 };
    element(axes.svg, "line", { ...ends, class: `tc-line tc-${kind}` });
  });
}

// How far each block has moved, and how far it had in the pinned run.
function movedFigure(holder, { blocks, run, pinned }) {
  const most = Math.max(0.1, ...run.drift, ...(pinned ? pinned.drift : []));
  const row = Math.max(14, 90 / blocks.length);
  const height = row * blocks.length + 34;
  holder.replaceChildren();
  const svg = element(holder, "svg", { viewBox: `0 0 340 ${height}`, role: "img" });
  const said = blocks.map((block, i) => `${block} ${percent(run.drift[i], 1)}`).join(", ");
  svg.setAttribute("aria-label", `Distance from the source, relative: ${said}`);
  const width = share => (200 * share) / most;
  blocks.forEach((block, i) => {
    const y = i * row;
    const at = { x: 62, y: y + row / 2 + 4, "text-anchor": "end" };
    const text = element(svg, "text", at, shortened(block));
    element(text, "title", {}, block);
    const bar = { x: 68, y: y + 2, height: row - 4, width: width(run.drift[i]) };
    element(svg, "rect", { ...bar, class: "tc-bar" });
    if (pinned) {
      const x = 68 + width(pinned.drift[i]);
      element(svg, "line", { x1: x, x2: x, y1: y, y2: y + row, class: "tc-line tc-pinned" });
    }
    const end = { x: 74 + width(run.drift[i]), y: y + row / 2 + 4 };
    element(svg, "text", end, percent(run.drift[i], 1));
  });
  const note = "distance of the kernels, in % of their length at the source";
  element(svg, "text", { x: 170, y: height - 8, "text-anchor": "middle" }, note);
}

function keptFigure(holder, { retention, title }) {
  holder.replaceChildren();
  const bar = element(holder, "meter", { min: 0, max: 1, value: retention });
  bar.setAttribute("aria-label", title);
  element(holder, "span", {}, percent(retention));
}

// Test images with the class that they have and the one that they were taken for.
function wrongFigure(holder, { wrong, images, test_labels, class_names }) {
  const { url, size, columns } = images;
  holder.replaceChildren();
  const list = element(holder, "ul", { class: "tc-wrong" });
  for (const [place, guess] of wrong) {
    const item = element(list, "li");
    const x = -size * (place % columns), y = -size * Math.floor(place / columns);
    const style = `background: url("${url}") ${x}px ${y}px; width: ${size}px; height: ${size}px`;
    element(item, "span", { style, class: "tc-image" });
    // Isolated, so that a name in a script from right to left does not change their order.
    const names = [test_labels[place], guess].map(label => `\u2068${class_names[label]}\u2069`);
    element(item, "span", {}, names.join(", "));
  }
  if (!wrong.length) element(list, "li", {}, "none");
}
