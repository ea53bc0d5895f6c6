"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const shown = new Map();

  // {"$": name} is a colour of the palette, which has a value for each scheme; {"&": name} an array of the chart.
  const dress = (value, css, shared) => {
    if (Array.isArray(value)) return value.map((item) => dress(item, css, shared));
    if (value === null || typeof value !== "object") return value;
    if ("$" in value) return css.getPropertyValue("--" + value.$).trim();
    if ("&" in value) return { ...shared[value["&"]] };
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, dress(item, css, shared)]));
  };

  const draw = (node) => {
    const chart = charts[node.dataset.chart];
    const variant = chart.variants[shown.get(node.dataset.chart) ?? chart.first];
    const css = getComputedStyle(document.documentElement);
    const narrow = node.clientWidth < 560;
    const asked = dress({ ...chart.layout, ...variant.layout }, css);
    const traces = dress(variant.traces, css, chart.shared);
    const colour = (name) => css.getPropertyValue("--" + name).trim();
    const legend = asked.showlegend !== false && traces.filter((t) => t.name && t.showlegend !== false).length > 1;
    const layout = {
      ...asked,
      showlegend: legend,
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow ? 11 : 12, color: colour("muted") },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 8, r: asked.annotations?.some((a) => a.x === 1) ? 36 : 12, t: asked.annotations?.length ? 24 : 8, b: legend ? 62 : 36 },
      hoverlabel: { bgcolor: colour("panel"), bordercolor: colour("line"), font: { color: colour("ink") } },
      legend: { orientation: "h", x: 0, xanchor: "left", yref: "container", y: 0, yanchor: "bottom",
        font: { color: colour("ink") }, bgcolor: "rgba(0,0,0,0)", ...asked.legend },
      // A finger on the chart scrolls the page; only a mouse zooms.
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    };
    Plotly.react(node, traces, layout, { displayModeBar: false, responsive: true });
  };

  const plots = [...document.querySelectorAll("[data-chart]")];
  const drawn = new Set();
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting && !drawn.has(target)) { drawn.add(target); draw(target); }
    }
  }, { rootMargin: "800px" });
  plots.forEach((node) => near.observe(node));
  scheme.addEventListener("change", () => drawn.forEach(draw));
  addEventListener("beforeprint", () => plots.forEach((node) => { drawn.add(node); draw(node); }));

  const show = (key, view) => {
    shown.set(key, view);
    for (const node of document.querySelectorAll(`[data-view^="${key}:"]`)) {
      node.hidden = node.dataset.view !== `${key}:${view}`;
    }
  };
  for (const select of document.querySelectorAll("[data-choice]")) {
    const key = select.dataset.choice;
    show(key, Number(select.value));
    select.addEventListener("change", () => {
      show(key, Number(select.value));
      drawn.forEach((node) => { if (node.dataset.chart === key) draw(node); });
    });
  }
})();
