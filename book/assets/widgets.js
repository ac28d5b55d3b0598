// Shows the widgets that a notebook was saved with, where no kernel runs. Each is an anywidget: the
// text of a module with `render`, the text of a style sheet, and its values. The module runs as an
// inline script and not through import(), for which the site's policy would have to admit blob:.
// Of any other widget, and of one that was saved without its values, the page says that.
(() => {
  const modules = {};
  const styles = new Set();

  function start(holder, state) {
    const id = state._anywidget_id;
    if (!modules[id]) {
      const script = document.createElement("script");
      window.startWidget = module => { modules[id] = module; };
      script.textContent =
        `startWidget((() => {${state._esm.replace("export default", "return")}})());`;
      document.head.append(script);
    }
    if (!styles.has(state._css)) {
      styles.add(state._css);
      document.head.append(
        Object.assign(document.createElement("style"), { textContent: state._css })
      );
    }
    const model = { get: name => state[name], on() {}, off() {}, send() {} };
    modules[id].render({ model, el: holder });
  }

  document.addEventListener("DOMContentLoaded", () => {
    const saved = document.querySelector("script[type='application/vnd.jupyter.widget-state+json']");
    const states = saved ? JSON.parse(saved.textContent).state : {};
    const views = "script[type='application/vnd.jupyter.widget-view+json']";
    for (const view of document.querySelectorAll(views)) {
      const holder = document.createElement("div");
      view.after(holder);
      const model = states[JSON.parse(view.textContent).model_id];
      if (model?.state?._esm) start(holder, model.state);
      else holder.textContent = "This page was saved without the control that belongs here. "
        + "To use it, open this notebook in JupyterLab and run it.";
    }
  });
})();
