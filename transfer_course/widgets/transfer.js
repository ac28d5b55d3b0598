// The transfer explorer. Runs come from the grid in the model, or, where a kernel answers, from
// real trainings: see transfer.py for the messages.

const PERCENT = [[0], [20], [40], [60], [80], [100]].map(([tick]) => [tick, `${tick} %`]);
const METHODS = {
  from_scratch: "from scratch",
  feature_reuse: "feature reuse",
  fine_tune: "fine-tuning",
  l2_sp: "L2-SP",
};

// The same as explorer.canonical and explorer.key: what is not used is not part of the name.
function keyOf({ method, freeze, lam, shots, learning_rate }) {
  if (freeze === "all" && method !== "from_scratch") method = "feature_reuse";
  const parts = [method];
  if (method === "fine_tune" || method === "l2_sp") parts.push(freeze);
  if (method === "l2_sp") parts.push(lam);
  parts.push(shots);
  if (method !== "feature_reuse") parts.push(learning_rate); // the head has a rate of its own
  return parts.join(" ");
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviation(values) {
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / Math.max(1, values.length - 1));
}

function render({ model, el }) {
  const get = name => model.get(name);
  const [positions, grid, epochs] = [get("positions"), get("grid"), get("epochs")];
  const computed = new Map(); // key -> Map of episode -> run, of this session
  const state = { settings: { ...get("start") }, draw: 0, pinned: null, growing: null };
  let kernel = "none"; // then "loading", then "ready"; "gone" once it has ended
  const view = Math.random().toString(36).slice(2);
  let request = 0;
  let problem = "";

  root(el, `Transfer explorer, ${get("world")}`);
  const controls = element(el, "div", { class: "tc-controls" });
  const results = element(el, "div", { class: "tc-results" });

  // Controls

  const methods = element(controls, "fieldset");
  element(methods, "legend", {}, "method");
  const radios = positions.method.map(method => {
    const label = element(methods, "label");
    const radio = input(label, { type: "radio", name: `method-${view}`, value: method });
    element(label, "span", {}, METHODS[method]);
    radio.addEventListener("change", () => move({ method }));
    return radio;
  });
  const texts = {
    freeze: positions.freeze.map(step => get("freeze_names")[step]),
    lam: positions.lam.map(String),
    shots: positions.shots.map(String),
    learning_rate: positions.learning_rate.map(String),
  };
  const labels = {
    freeze: "frozen, from the input up to",
    lam: "λ, pull to the source",
    shots: "shots (pictures per class)",
    learning_rate: "learning rate",
  };
  const sliders = {};
  for (const control of Object.keys(labels))
    sliders[control] = slider(controls, labels[control], texts[control], 0, index =>
      move({ [control]: positions[control][index] })
    );
  const buttons = element(controls, "div", { class: "tc-buttons" });
  button(buttons, "Draw other shots", () => {
    state.draw += 1;
    // Without a kernel there are only so many draws to show.
    if (!isThere()) state.draw %= get("episodes");
    move({});
  });
  const pin = button(buttons, "Pin this run", () => {
    state.pinned = state.pinned ? null : { ...state.settings };
    draw();
  });
  const stories = element(controls, "div", { class: "tc-stories" });
  element(stories, "p", {}, "Stories (each pins one run and shows another):");
  const told = element(stories, "p", { class: "tc-told" });
  for (const story of get("stories"))
    button(stories, story.title, () => {
      state.pinned = story.pinned;
      told.textContent = story.text;
      move(story.shown);
    });

  // Results

  const origin = element(results, "p", { class: "tc-origin" });
  const words = element(results, "p", { role: "status", "aria-live": "polite", class: "tc-words" });
  const figure = title => {
    const holder = element(results, "figure");
    element(holder, "figcaption", {}, title);
    return element(holder, "div");
  };
  const curves = figure("Accuracy while it trains");
  const curvesLegend = legend(curves.parentNode, [
    ["test", "test pictures"],
    ["train", "training pictures"],
    ["pinned", "pinned, test"],
  ]);
  const spread = figure("Accuracy on the test pictures, one dot per draw; bar: mean");
  const moved = figure("How far each layer has moved from the source");
  const kept = figure(get("kept_title"));
  const wrong = figure("Test pictures that this draw gets wrong (true, taken for)");

  // What is known of a position: the runs of this session before those of the grid.

  function runsAt(settings) {
    const key = keyOf(settings);
    const runs = (grid[key] ?? []).map((run, episode) => ({ run, episode, live: false }));
    for (const [episode, run] of computed.get(key) ?? []) runs[episode] = { run, episode, live: true };
    return runs.filter(Boolean);
  }

  function summary(settings) {
    const last = runsAt(settings).map(({ run }) => run[1].at(-1) / 10);
    return { mean: mean(last), deviation: deviation(last), draws: last.length };
  }

  function named(settings) {
    const key = keyOf(settings).split(" ")[0];
    const parts = [METHODS[key]];
    if (key === "fine_tune" || key === "l2_sp")
      parts.push(`frozen up to: ${get("freeze_names")[settings.freeze]}`);
    if (key === "l2_sp") parts.push(`λ ${settings.lam}`);
    parts.push(settings.shots === 1 ? "1 shot" : `${settings.shots} shots`);
    if (key !== "feature_reuse") parts.push(`learning rate ${settings.learning_rate}`);
    return parts.join(", ");
  }

  function drawCurves(run) {
    const last = epochs.at(-1);
    const axes = chart(curves, {
      label: `Accuracy by epoch: ${words.textContent}`,
      x: {
        from: 1,
        to: last,
        log: true,
        ticks: epochs.filter((e, i) => i < 5 || e === last).map(e => [e]),
        label: "epochs",
      },
      y: { from: 0, to: 100, ticks: PERCENT, label: "accuracy" },
    });
    const points = part => part.map((share, i) => [epochs[i], share / 10]);
    if (state.pinned) {
      const runs = runsAt(state.pinned);
      const other = runs.find(({ episode }) => episode === state.draw) ?? runs[0];
      if (other) line(axes, points(other.run[1]), "pinned");
    }
    for (const [part, kind] of [[run[0], "train"], [run[1], "test"]])
      if (part.length) {
        line(axes, points(part), kind);
        dots(axes, points(part), kind);
      }
    curvesLegend.pinned.hidden = !state.pinned;
  }

  function drawSpread() {
    const rows = [["shown", state.settings], ...(state.pinned ? [["pinned", state.pinned]] : [])];
    const axes = chart(spread, {
      label: rows.map(([row, at]) => `${row}: mean ${summary(at).mean.toFixed(0)} %`).join("; "),
      x: { from: 0, to: 100, ticks: PERCENT, label: "accuracy" },
      y: { from: 0, to: rows.length, ticks: [], label: "" },
      height: 50 + 42 * rows.length,
    });
    rows.forEach(([row, settings], i) => {
      const at = rows.length - i - 0.5;
      const kind = row === "shown" ? "test" : "pinned";
      element(axes.svg, "text", { x: 2, y: axes.py(at) + 4 }, row);
      for (const { run, episode, live } of runsAt(settings)) {
        const circle = element(axes.svg, "circle", {
          cx: axes.px(run[1].at(-1) / 10),
          cy: axes.py(at),
          r: row === "shown" && episode === state.draw ? 6 : 4,
          class: `tc-dot tc-${kind} ${live ? "" : "tc-hollow"}`,
        });
        const source = live ? "computed here" : "from the grid";
        element(circle, "title", {}, `draw ${episode + 1}: ${run[1].at(-1) / 10} %, ${source}`);
      }
      const bar = axes.px(summary(settings).mean);
      const ends = { x1: bar, x2: bar, y1: axes.py(at) - 14, y2: axes.py(at) + 14 };
      element(axes.svg, "line", { ...ends, class: `tc-line tc-${kind}` });
    });
  }

  function drawMoved(run) {
    const layers = get("layers");
    const other = state.pinned && runsAt(state.pinned)[0]?.run;
    const most = Math.max(100, ...run[2], ...(other ? other[2] : [])) / 10;
    const row = Math.max(14, 90 / layers.length);
    moved.replaceChildren();
    const height = row * layers.length + 34;
    const svg = element(moved, "svg", { viewBox: `0 0 340 ${height}`, role: "img" });
    const said = layers.map((layer, i) => `${layer} ${(run[2][i] / 10).toFixed(1)} %`).join(", ");
    svg.setAttribute("aria-label", `Distance from the source, relative: ${said}`);
    layers.forEach((layer, i) => {
      const y = i * row;
      const width = share => (200 * share) / 10 / most;
      element(svg, "text", { x: 62, y: y + row / 2 + 4, "text-anchor": "end" }, layer);
      const bar = { x: 68, y: y + 2, height: row - 4, width: width(run[2][i]) };
      element(svg, "rect", { ...bar, class: "tc-bar" });
      if (other) {
        const x = 68 + width(other[2][i]);
        element(svg, "line", { x1: x, x2: x, y1: y, y2: y + row, class: "tc-line tc-pinned" });
      }
      const text = `${(run[2][i] / 10).toFixed(1)} %`;
      element(svg, "text", { x: 74 + width(run[2][i]), y: y + row / 2 + 4 }, text);
    });
    const note = "distance of the kernels, in % of their length at the source";
    element(svg, "text", { x: 170, y: height - 8, "text-anchor": "middle" }, note);
  }

  function drawKept(run) {
    kept.replaceChildren();
    const before = Object.entries(grid).find(([key]) => key.startsWith("feature_reuse"))[1][0][3];
    const bar = element(kept, "meter", { min: 0, max: 1000, value: run[3] });
    bar.setAttribute("aria-label", get("kept_title"));
    const text = `${(run[3] / 10).toFixed(0)} % (the source itself: ${(before / 10).toFixed(0)} %)`;
    element(kept, "span", {}, text);
  }

  function drawWrong(run) {
    const { url, size, columns } = get("pictures");
    const [truth, classes] = [get("test_labels"), get("class_names")];
    wrong.replaceChildren();
    const list = element(wrong, "ul", { class: "tc-wrong" });
    for (const [index, guess] of run[4]) {
      const item = element(list, "li");
      const x = -size * (index % columns), y = -size * Math.floor(index / columns);
      const style = `background: url("${url}") ${x}px ${y}px; width: ${size}px; height: ${size}px`;
      element(item, "span", { style, class: "tc-picture" });
      element(item, "span", {}, `${classes[truth[index]]}, ${classes[guess]}`);
    }
    if (!run[4].length) element(list, "li", {}, "none");
  }

  function draw() {
    const { settings, pinned } = state;
    const used = keyOf(settings).split(" ")[0];
    for (const radio of radios) radio.checked = radio.value === settings.method;
    for (const control of Object.keys(sliders))
      sliders[control].show(positions[control].indexOf(settings[control]));
    sliders.freeze.use(["fine_tune", "l2_sp"].includes(settings.method));
    sliders.lam.use(used === "l2_sp");
    sliders.learning_rate.use(used !== "feature_reuse");
    pin.textContent = pinned ? "Unpin" : "Pin this run";

    const runs = runsAt(settings);
    const shown = runs.find(({ episode }) => episode === state.draw);
    const growing = state.growing;
    if (growing) {
      // The first points of a run that is being trained; the rest of the picture waits for its end.
      el.dataset.state = "training";
      const done = growing[1].length;
      const at = done ? `${epochs[done - 1]} of ${epochs.at(-1)} epochs` : "starting";
      origin.textContent = `Training now, in this kernel: ${at}.`;
      drawCurves(growing);
      return;
    }
    if (!shown) return;
    el.dataset.state = shown.live ? "computed" : "grid";
    const waits = {
      none: "From the grid: real runs, made beforehand. No kernel is running here.",
      loading: "From the grid: real runs, made beforehand. The kernel is getting ready to train.",
      ready: "From the grid: real runs, made beforehand. Move something to train it here.",
      gone:
        "From the grid: real runs, made beforehand. The kernel was restarted or has ended: " +
        "run this cell again.",
    };
    origin.textContent = shown.live ? "Computed just now, in this kernel." : waits[kernel];
    if (problem) origin.textContent = problem;
    const { mean: middle, deviation: width, draws } = summary(settings);
    const now = `${(shown.run[1].at(-1) / 10).toFixed(0)} %`;
    words.textContent =
      `${named(settings)}: ${now} of the test pictures right on draw ${state.draw + 1}; ` +
      `mean of ${draws} draws ${middle.toFixed(0)} %, standard deviation ${width.toFixed(0)} points. ` +
      `${get("kept_words")} ${(shown.run[3] / 10).toFixed(0)} %.` +
      (pinned
        ? ` Pinned: ${named(pinned)}, mean ${summary(pinned).mean.toFixed(0)} %.`
        : "");
    drawCurves(shown.run);
    drawSpread();
    drawMoved(shown.run);
    drawKept(shown.run);
    drawWrong(shown.run);
  }

  // The kernel. It gives up on an older move of this view when a newer one comes: the last one wins.

  const isThere = () => kernel === "loading" || kernel === "ready";

  function ask(message) {
    try {
      model.send({ view, ...message });
    } catch {
      ended();
    }
  }

  // What was computed is no longer in step with the kernel that a reader sees, so it goes too.
  function ended() {
    kernel = "gone";
    state.growing = null;
    computed.clear();
    state.draw %= get("episodes");
    draw();
  }

  function move(changes) {
    Object.assign(state.settings, changes);
    problem = "";
    request += 1;
    state.growing = null;
    if (isThere()) {
      const done = computed.get(keyOf(state.settings)) ?? new Map();
      const wanted = [state.draw, ...Array(get("episodes")).keys()];
      const episodes = [...new Set(wanted)].filter(episode => !done.has(episode));
      if (kernel === "ready" && episodes.includes(state.draw)) state.growing = [[], []];
      ask({ kind: "move", id: request, settings: state.settings, episodes });
    }
    draw();
  }

  function heard(message) {
    if (message.view !== view) return; // for another view of this explorer
    if (message.kind === "loading" || message.kind === "ready") {
      if (kernel !== "ready") kernel = message.kind;
      draw();
    }
    if (message.id !== request) return; // of a position that was left since
    if (message.kind === "growing" && message.episode === state.draw)
      state.growing = [message.train, message.test];
    if (message.kind === "done") {
      const key = keyOf(state.settings);
      if (!computed.has(key)) computed.set(key, new Map());
      computed.get(key).set(message.episode, message.run);
      if (message.episode === state.draw) state.growing = null;
    }
    if (message.kind === "problem") {
      problem = message.text;
      state.growing = null;
    }
    draw();
  }

  model.on("msg:custom", heard);
  model.on("comm_live_update", ended); // its connection to the kernel was closed
  draw();
  ask({ kind: "hello" }); // a kernel that is there answers; the published page stays silent
  return () => {
    model.off("msg:custom", heard);
    model.off("comm_live_update", ended);
    if (isThere()) ask({ kind: "leave" });
  };
}

export default { render, keyOf };
