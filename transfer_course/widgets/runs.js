// What is known of a position of the controls: pure functions of settings and runs, no page.

const METHODS = {
  from_scratch: "from scratch",
  feature_reuse: "feature reuse",
  fine_tune: "fine-tuning",
  random_head: "fine-tuning with a random head",
  l2_sp: "L2-SP",
};
const LABELS = {
  freeze: "frozen, from the input up to",
  lam: "λ, pull to the source",
  shots: "shots (images per class)",
  learning_rate: "learning rate",
};
const NONE = 65535; // in a packed grid
const WRONG = 7; // mistakes that a run shows
const FLOAT32_MAX = 3.4028234663852886e38; // Python takes no more

// With all layers frozen only the head is left to train.
function methodOf({ method, freeze }) {
  return freeze === "all" && ["fine_tune", "l2_sp"].includes(method) ? "feature_reuse" : method;
}

// Whether a control matters for a method, at these settings. The head has a rate of its own.
function matters(control, settings) {
  const method = methodOf(settings);
  if (control === "shots") return true;
  if (control === "learning_rate") return method !== "feature_reuse";
  return method === "l2_sp" || (method === "fine_tune" && control === "freeze");
}

// The same name as explorer.key gives: what does not matter is not part of it.
function keyOf(settings) {
  const used = Object.keys(LABELS).filter(control => matters(control, settings));
  return [methodOf(settings), ...used.map(name => settings[name])].join(" ");
}

function named(settings, { freeze_names }) {
  const { freeze, lam, shots, learning_rate } = settings;
  const parts = {
    freeze: `frozen up to: ${freeze_names[freeze]}`,
    lam: `λ ${lam}`,
    shots: shots === 1 ? "1 shot" : `${shots} shots`,
    learning_rate: `learning rate ${learning_rate}`,
  };
  const used = Object.keys(parts).filter(control => matters(control, settings));
  return [METHODS[methodOf(settings)], ...used.map(control => parts[control])].join(", ");
}

// The grid as a Map from the name of a position to its runs, by episode: see explorer.pack.
function unpack({ keys, runs }, { epochs, blocks, draws }) {
  const bytes = Uint8Array.from(atob(runs), letter => letter.charCodeAt(0));
  const numbers = Array.from({ length: bytes.length / 2 }, (_, i) => bytes[2 * i] + 256 * bytes[2 * i + 1]);
  let place = 0;
  const next = count => numbers.slice(place, (place += count));
  const shares = count => next(count).map(value => value / 1000);
  const run = () => {
    const [train, test] = [shares(epochs.length), shares(epochs.length)];
    const [drift, [retention], pairs] = [shares(blocks.length), next(1), next(2 * WRONG)];
    const wrong = [];
    for (let i = 0; i < pairs.length && pairs[i] !== NONE; i += 2) wrong.push([pairs[i], pairs[i + 1]]);
    const is_there = train[0] !== NONE / 1000;
    return is_there && { train, test, drift, retention: retention === NONE ? null : retention / 1000, wrong };
  };
  return new Map(keys.map(key => [key, Array.from({ length: draws }, run)]));
}

// A position as text for the page's address, and back: null if it is none of these controls.
function written(settings) {
  return ["method", ...Object.keys(LABELS)].map(name => settings[name]).join();
}

function read(text, positions) {
  const parts = (text ?? "").split(",");
  const [method, freeze, ...numbers] = parts;
  const [lam, shots, learning_rate] = numbers.map(Number);
  const settings = { method, freeze, lam, shots, learning_rate };
  return Object.keys(positions).every(name => positions[name].includes(settings[name])) ? settings : null;
}

// The position that the controls offer next to this one.
function nearest(settings, positions) {
  const near = { ...settings };
  for (const control of ["lam", "shots", "learning_rate"]) {
    const off = place => Math.abs(Math.log((place + 1e-9) / (settings[control] + 1e-9)));
    near[control] = positions[control].reduce((a, b) => (off(b) < off(a) ? b : a));
  }
  return near;
}

// The number that a text is, or why it is none for this control: see TransferExplorer.settings.
function parsed(control, text, { shots }) {
  const value = text.trim() ? Number(text) : NaN;
  const most = shots.at(-1);
  const [isFine, wish] = {
    lam: [value >= 0, "a number from 0 on, such as 0.5"],
    learning_rate: [value > 0, "a number above 0, such as 0.002"],
    shots: [Number.isInteger(value) && 1 <= value && value <= most, `a whole number from 1 to ${most}`],
  }[control];
  return isFine && value <= FLOAT32_MAX ? { value, complaint: "" } : { complaint: `Please type ${wish}.` };
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviation(values) {
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / Math.max(1, values.length - 1));
}

// Student's t at 97.5 % by degrees of freedom; beyond the table within half a percent.
const T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

function interval(values) {
  const free = values.length - 1;
  const half = free ? ((T[free - 1] ?? 1.96 + 2.55 / free) * deviation(values)) / Math.sqrt(free + 1) : NaN;
  return { mean: mean(values), low: mean(values) - half, high: mean(values) + half };
}

// Along a control, at the others' settings: for each method a point per position where it has runs.
function response(control, settings, { positions }, runsAt) {
  const places = [...positions[control]];
  if (!places.includes(settings[control])) places.push(settings[control]);
  if (control !== "freeze") places.sort((a, b) => a - b);
  return positions.method.map(method => ({
    method,
    answers: places.some(place => matters(control, { ...settings, method, [control]: place })),
    points: places.flatMap((place, index) => {
      const runs = runsAt({ ...settings, method, [control]: place });
      const x = control === "freeze" ? index : place;
      return runs.length ? [{ x, place, ...interval(runs.map(({ run }) => run.test.at(-1))) }] : [];
    }),
  }));
}

// What a spreadsheet wants of a position: a line per episode and epoch.
function csv(settings, { epochs }, runs) {
  const lines = runs.flatMap(({ run, episode }) =>
    epochs.map((epoch, i) => [keyOf(settings), episode, epoch, run.train[i], run.test[i]].join())
  );
  return ["position,episode,epoch,train_accuracy,test_accuracy", ...lines, ""].join("\n");
}
