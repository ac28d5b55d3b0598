// The linear explorer. The page does the mathematics itself, with the formulas of
// transfer_course/linear_theory.py, so it is exact with and without a kernel.

const FEATURES = 10; // d
const TARGET = 2; // ‖w_t‖, the distance of a source that knows nothing

const theory = {
  leastSquares: ({ samples, noise }) => (FEATURES * noise ** 2) / samples,
  bias: ({ distance, lam }) => (lam / (1 + lam)) ** 2 * distance ** 2,
  variance: at => theory.leastSquares(at) / (1 + at.lam) ** 2,
  risk: at => theory.bias(at) + theory.variance(at),
  bestLambda: at => theory.leastSquares(at) / at.distance ** 2,
  bestRisk: at => 1 / (1 / at.distance ** 2 + 1 / theory.leastSquares(at)),
  ridge: at => theory.bestRisk({ ...at, distance: TARGET }), // without a source
  border: at => {
    const squared = (1 + at.lam) ** 2 * theory.ridge(at) - theory.leastSquares(at);
    return Math.sqrt(Math.max(squared, 0)) / at.lam;
  },
};

function steps(from, to, count) {
  return Array.from({ length: count }, (_, i) => from * (to / from) ** (i / (count - 1)));
}

const short = value => Number(value.toPrecision(2)).toString();

function render({ model, el }) {
  const positions = {
    samples: [10, 20, 50, 100, 200, 500, 1000],
    noise: [0.25, 0.5, 1, 1.5, 2, 3],
    distance: [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4],
    lam: steps(0.01, 100, 41),
  };
  const labels = {
    samples: "samples n",
    noise: "noise σ",
    distance: "distance of source and target",
    lam: "λ, pull to the source",
  };
  const at = { samples: 20, noise: 1, distance: 1, lam: positions.lam[17] };

  const sheet = root(el, "Linear explorer");
  const controls = element(sheet, "div", { class: "tc-controls" });
  const sliders = {};
  for (const [control, values] of Object.entries(positions))
    sliders[control] = slider(
      controls,
      labels[control],
      values.map(short),
      values.indexOf(at[control]),
      index => {
        at[control] = values[index];
        draw();
      }
    );
  const buttons = element(controls, "div", { class: "tc-buttons" });
  button(buttons, "Go to the best λ", () => {
    const off = lam => Math.abs(Math.log(lam / theory.bestLambda(at)));
    at.lam = positions.lam.reduce((a, b) => (off(b) < off(a) ? b : a));
    sliders.lam.show(positions.lam.indexOf(at.lam));
    draw();
  });

  const results = element(sheet, "div", { class: "tc-results" });
  const words = element(results, "p", { role: "status", "aria-live": "polite", class: "tc-words" });
  const figure = element(results, "figure");
  element(figure, "figcaption", {}, `Expected squared error (${FEATURES} features, ‖w_t‖ = ${TARGET})`);
  const holder = element(figure, "div");
  legend(figure, [
    ["test", "risk"],
    ["train", "bias²"],
    ["third", "variance"],
    ["pinned", "best ridge regression, no source"],
  ]);
  const table = element(results, "table");

  function draw() {
    const [risk, ridge, border] = [theory.risk(at), theory.ridge(at), theory.border(at)];
    const helps = risk < ridge;
    const better = helps ? "less" : "more";
    words.textContent =
      `Transfer ${helps ? "helps" : "hurts"}: the risk is ${risk.toFixed(3)}, ` +
      `${better} than the ${ridge.toFixed(3)} of the best ridge regression without a source. ` +
      `Bias² ${theory.bias(at).toFixed(3)}, variance ${theory.variance(at).toFixed(3)}. ` +
      `The best λ is ${short(theory.bestLambda(at))}. ` +
      `With this λ, transfer hurts beyond a distance of ${border.toFixed(2)}.`;
    el.dataset.state = helps ? "helps" : "hurts";

    const top = 1.15 * Math.max(at.distance ** 2, theory.leastSquares(at));
    const unit = 10 ** Math.floor(Math.log10(top));
    const tick = [0.2, 0.5, 1, 2].map(part => part * unit).find(step => top / step <= 6);
    const axes = chart(holder, {
      label: words.textContent,
      x: {
        from: 0.01,
        to: 100,
        log: true,
        ticks: [[0.01], [0.1], [1], [10], [100]],
        label: "λ",
      },
      y: {
        from: 0,
        to: top,
        ticks: Array.from({ length: Math.floor(top / tick) + 1 }, (_, i) => [
          Number((i * tick).toPrecision(3)),
        ]),
        label: "expected squared error",
      },
    });
    const curve = steps(0.01, 100, 121);
    const along = f => curve.map(lam => [lam, f({ ...at, lam })]);
    line(axes, along(theory.bias), "train");
    line(axes, along(theory.variance), "third");
    line(axes, [[0.01, ridge], [100, ridge]], "pinned");
    line(axes, along(theory.risk), "test");
    dots(axes, [[at.lam, risk]], "test");
    const best = axes.px(theory.bestLambda(at));
    const ends = { x1: best, x2: best, y1: axes.top, y2: axes.bottom, class: "tc-line tc-third" };
    element(element(axes.svg, "line", ends), "title", {}, "the best λ");

    table.replaceChildren();
    for (const [name, value] of [
      ["least squares, no source (λ = 0)", theory.leastSquares(at)],
      ["best ridge regression, no source", ridge],
      ["the source as it is (λ = ∞)", at.distance ** 2],
      [`this λ, ${short(at.lam)}`, risk],
      [`the best λ, ${short(theory.bestLambda(at))}`, theory.bestRisk(at)],
    ]) {
      const row = element(table, "tr");
      element(row, "th", { scope: "row" }, name);
      element(row, "td", {}, value.toFixed(3));
    }
  }

  draw();
}

export default { render, theory };
