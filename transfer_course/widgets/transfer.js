// The transfer explorer. Runs come from the grid in the model, or, where a kernel answers, from
// real trainings: see transfer.py for the messages.

function render({ model, el }) {
  const about = model.get("about");
  const { positions, epochs, draws, blocks } = about;
  let grid = unpack(model.get("grid"), about);
  const computed = new Map(); // name of a position -> Map of episode -> run, of this session
  const state = { settings: { ...model.get("start") }, episode: 0, pinned: null, growing: null };
  // Where there is no Jupyter the page's address holds the position, so that it can be sent around.
  const isBook = !document.getElementById("jupyter-config-data");
  const address = () => new URLSearchParams(location.hash.slice(1));
  if (isBook) Object.assign(state.settings, read(address().get(about.name), positions));
  let along = "shots"; // the control that was moved last
  let kernel = "none"; // then "loading", then "ready"; "gone" once it has ended
  const start = state.settings;
  // Where no kernel answers, what was set from Python between the positions has nothing to show.
  if (!runsAt(start).length) state.settings = nearest(start, positions);
  const view = Math.random().toString(36).slice(2);
  let request = 0;
  let problem = "";
  let saving; // the timer of saveAddress

  const sheet = root(el, `Transfer explorer, ${about.name}`);
  const controls = element(sheet, "div", { class: "tc-controls" });
  const results = element(sheet, "div", { class: "tc-results" });

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
  const shown = (control, place) => (control === "freeze" ? about.freeze_names[place] : String(place));
  const sliders = {};
  for (const [control, label] of Object.entries(LABELS)) {
    if (positions[control].length === 1) continue; // nothing to choose
    const names = positions[control].map(place => shown(control, place));
    const go = place => {
      along = control;
      move({ [control]: place });
    };
    const typed = text => {
      const { value, complaint } = parsed(control, text, positions);
      if (!complaint && value !== state.settings[control]) go(value);
      return complaint;
    };
    const taken = control === "freeze" ? null : typed;
    sliders[control] = slider(controls, label, names, 0, index => go(positions[control][index]), taken);
  }
  const buttons = element(controls, "div", { class: "tc-buttons" });
  button(buttons, "Draw other shots", () => {
    state.episode += 1;
    // Without a kernel there are only so many draws to show.
    if (!isThere()) state.episode %= draws;
    move({});
  });
  const pin = button(buttons, "Pin this run", () => {
    state.pinned = state.pinned ? null : { ...state.settings };
    draw();
  });
  button(buttons, "Runs as CSV", () =>
    download(csv(state.settings, about, runsAt(state.settings)), "text/csv", "runs.csv")
  );
  button(buttons, "Figure as SVG", () =>
    download(asFile(answers.querySelector("svg")), "image/svg+xml", "accuracy.svg")
  );
  if (about.presets.length) {
    const presets = element(controls, "div", { class: "tc-presets" });
    element(presets, "p", {}, "Presets (each pins one run and shows another):");
    const text = element(presets, "p", { class: "tc-told" });
    for (const preset of about.presets)
      button(presets, preset.title, () => {
        state.pinned = preset.pinned;
        text.textContent = preset.text;
        move(preset.shown);
      });
  }

  // Results

  const status = element(results, "div", { role: "status", "aria-atomic": "false" });
  const origin = element(status, "p", { class: "tc-origin" });
  const words = element(status, "p", { class: "tc-words" });
  const figure = title => {
    const holder = element(results, "figure");
    element(holder, "figcaption", {}, title);
    return element(holder, "div");
  };
  const answers = figure("");
  answers.parentNode.classList.add("tc-first");
  legend(answers.parentNode, positions.method.map(method => [method, METHODS[method]]));
  const curves = figure("Accuracy while it trains");
  const curvesLegend = legend(curves.parentNode, [
    ["test", "test images"],
    ["train", "training images"],
    ["pinned", "pinned, test"],
  ]);
  const spread = figure("Accuracy on the test images, one dot per draw; bar: mean");
  const moved = figure("How far each layer has moved from the source");
  const kept = figure(about.retention_title);
  const wrong = figure("Test images that this draw gets wrong (true, taken for)");

  // What is known of a position: the runs of this session before those of the grid.

  function runsAt(settings) {
    const key = keyOf(settings);
    const runs = (grid.get(key) ?? []).map((run, episode) => run && { run, episode, live: false });
    for (const [episode, run] of computed.get(key) ?? []) runs[episode] = { run, episode, live: true };
    return runs.filter(Boolean);
  }

  const lastOf = settings => runsAt(settings).map(({ run }) => run.test.at(-1));

  function pinnedRun() {
    const runs = state.pinned ? runsAt(state.pinned) : [];
    return (runs.find(({ episode }) => episode === state.episode) ?? runs[0])?.run;
  }

  function drawResponse() {
    const banded = "band: 95 % interval over draws";
    const title = `Accuracy along: ${LABELS[along]} (mean of the draws; ${banded})`;
    answers.parentNode.querySelector("figcaption").textContent = title;
    const lines = response(along, state.settings, about, runsAt);
    responseFigure(answers, {
      ...{ control: along, label: LABELS[along], lines, settings: state.settings, about },
      title: `${title}. ${lines
        .filter(({ points }) => points.length)
        .map(({ method, points }) => `${METHODS[method]}: ${points.map(p => percent(p.mean)).join(", ")}`)
        .join("; ")}`,
    });
  }

  function drawCurves(run) {
    const done = run.test.length ? epochs[run.test.length - 1] : 0;
    const title = "Accuracy while it trains" + (state.growing ? `: ${done} of ${epochs.at(-1)} epochs` : "");
    curves.parentNode.querySelector("figcaption").textContent = title;
    const of = state.growing ? named(state.settings, about) : words.textContent;
    curvesFigure(curves, { epochs, run, pinned: pinnedRun(), title: of });
    curvesLegend.pinned.hidden = !state.pinned;
  }

  function draw() {
    const { settings, pinned, growing } = state;
    for (const radio of radios) radio.checked = radio.value === settings.method;
    for (const control of Object.keys(sliders)) {
      const place = settings[control];
      // Between two positions, or beyond the last one, half a step from the one below.
      const exact = positions[control].indexOf(place);
      const below = positions[control].findLastIndex(each => each < place);
      const index = exact < 0 ? below + 0.5 : exact;
      sliders[control].show(index, shown(control, place));
      const method = settings.method;
      // Where all is frozen the depth still matters, or there would be no way back.
      const isUsed = matters(control, control === "freeze" ? { method } : settings);
      sliders[control].use(isUsed, isThere()); // without a kernel nothing lies between the positions
    }
    pin.textContent = pinned ? "Unpin" : "Pin this run";
    drawResponse();

    // While a run is trained, the grid's run of the same position is shown, if there is one.
    const runs = runsAt(settings);
    const it = runs.find(({ episode }) => episode === state.episode);
    el.dataset.state = growing ? "training" : it ? (it.live ? "computed" : "grid") : "empty";
    const made = it
      ? "From the grid: real runs, made beforehand."
      : "There is no run here yet.";
    const waits = {
      none: `${made} No kernel is running here.`,
      loading: `${made} The kernel is getting ready to train.`,
      ready: `${made} Move something to train it here.`,
      gone: `${made} The kernel was restarted or has ended: run this cell again.`,
    };
    const until = it ? " Until it is done, the numbers are those of the grid." : "";
    tell(
      origin,
      (growing && `Training now, in this kernel.${until}`) ||
      problem ||
      (it?.live ? "Computed just now, in this kernel." : waits[kernel]),
    );
    // What waits for the end of the training keeps its place, so that nothing jumps to and fro.
    for (const each of [spread, moved, kept, wrong]) {
      each.parentNode.classList.toggle("tc-waits", !it);
      if (it || !growing) each.parentNode.hidden = !it;
    }
    moved.parentNode.hidden ||= !blocks.length;
    kept.parentNode.hidden ||= it?.run.retention === null;
    words.style.minHeight = growing && !it ? `${words.offsetHeight}px` : "";
    if (!it) {
      tell(words, `${named(settings, about)}: ${growing ? "training" : "not trained yet"}.`);
      drawCurves(growing ?? { train: [], test: [] });
      return;
    }
    const last = lastOf(settings);
    const { retention } = it.run;
    const other = pinned && lastOf(pinned).length ? [["pinned", runsAt(pinned), "pinned"]] : [];
    tell(
      words,
      `${named(settings, about)}: ${percent(it.run.test.at(-1))} of the test images right on draw ` +
      `${it.episode + 1}` +
      (last.length === 1
        ? "."
        : `; mean of ${last.length} draws ${percent(mean(last))}, standard deviation ` +
          `${(100 * deviation(last)).toFixed(0)} points.`) +
      (retention === null ? "" : ` ${about.retention_words} ${percent(retention)}.`) +
      (other.length ? ` Pinned: ${named(pinned, about)}, mean ${percent(mean(lastOf(pinned)))}.` : ""),
    );
    drawCurves(growing ?? it.run);
    spreadFigure(spread, { rows: [["shown", runs, "test"], ...other], episode: state.episode });
    if (blocks.length) movedFigure(moved, { blocks, run: it.run, pinned: pinnedRun() });
    if (retention !== null) keptFigure(kept, { retention, title: about.retention_title });
    wrongFigure(wrong, { ...about, wrong: it.run.wrong });
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
    problem = "";
    state.growing = null;
    computed.clear();
    state.episode %= draws;
    draw();
  }

  // The runs to ask for: those of this position, the draw that is shown first; then, along the
  // control, one of each position that has none.
  function wanted() {
    const { settings, episode } = state;
    const done = computed.get(keyOf(settings)) ?? new Map();
    const episodes = [...new Set([episode, ...Array(draws).keys()])].filter(each => !done.has(each));
    const others = positions[along]
      .map(place => ({ ...settings, [along]: place }))
      .filter(each => keyOf(each) !== keyOf(settings) && !runsAt(each).length);
    return [
      ...episodes.map(each => ({ settings, episode: each })),
      ...others.map(each => ({ settings: each, episode: 0 })),
    ];
  }

  function move(changes) {
    Object.assign(state.settings, changes);
    problem = "";
    request += 1;
    state.growing = null;
    if (isThere()) {
      const runs = wanted();
      if (kernel === "ready" && isShown(runs[0])) state.growing = { train: [], test: [] };
      ask({ kind: "move", id: request, settings: state.settings, runs });
    }
    draw();
    if (isBook && kernel === "none") {
      clearTimeout(saving);
      saving = setTimeout(saveAddress, 300);
    }
  }

  // A screen reader says what changes, so what stays the same is left alone.
  function tell(part, text) {
    if (part.textContent !== text) part.textContent = text;
  }

  // Not at every step of a slider that is dragged: browsers refuse more than a hundred in a while.
  function saveAddress() {
    const positionsOfAll = address();
    positionsOfAll.set(about.name, written(state.settings));
    try {
      history.replaceState(history.state, "", `#${positionsOfAll}`);
    } catch {
      // The position is not in the address this time: nothing else is lost.
    }
  }

  function isShown(it) {
    return it && keyOf(it.settings) === keyOf(state.settings) && it.episode === state.episode;
  }

  function heard(message) {
    if (message.kind === "go") {
      move(message.settings);
      return;
    }
    if (message.view !== view) return; // for another view of this explorer
    if (message.kind === "loading" || message.kind === "ready") {
      if (kernel === "none" && !request) state.settings = start;
      const isNew = message.kind === "ready" && kernel !== "ready";
      if (kernel !== "ready") kernel = message.kind;
      // Once more what was asked for in vain; and where nothing was made beforehand, there is
      // something to see at once.
      if (isNew && (request || !runsAt(state.settings).length)) move({});
      draw();
    }
    if ((message.id ?? request) !== request) return; // of a position that was left since
    if (message.kind === "growing" && isShown(message)) state.growing = message;
    if (message.kind === "done") {
      const key = keyOf(message.settings);
      if (!computed.has(key)) computed.set(key, new Map());
      computed.get(key).set(message.episode, message.run);
      if (isShown(message)) state.growing = null;
    }
    // One of a greeting has no settings, and one of another run leaves a gap in a figure.
    if (message.kind === "problem" && (!message.settings || isShown(message))) {
      problem = message.text;
      state.growing = null;
    }
    draw();
  }

  function filled() {
    grid = unpack(model.get("grid"), about);
    draw();
  }

  model.on("msg:custom", heard);
  model.on("change:grid", filled); // by precompute()
  model.on("comm_live_update", ended); // its connection to the kernel was closed
  draw();
  ask({ kind: "hello" }); // a kernel that is there answers; the published page stays silent
  return () => {
    clearTimeout(saving);
    model.off("msg:custom", heard);
    model.off("change:grid", filled);
    model.off("comm_live_update", ended);
    if (isThere()) ask({ kind: "leave" });
  };
}

export default { render, keyOf, unpack, interval, response, written, read, nearest, parsed, csv };
