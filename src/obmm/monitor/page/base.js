"use strict";
const about = JSON.parse(document.getElementById("about").textContent);
const $ = (id) => document.getElementById(id);
let now = null;            // the newest message
let book = null;           // id of the book that is looked at
let key = null;            // validator and simulation
let minutes = null, states = null, fills = null, source = null, frame = 0;
const frames = [];

$("title").textContent = about.title;
document.title = about.title + " · obmm";

// ---- numbers and elements -----------------------------------------------------------------------------------
const known = (x) => x !== null && x !== undefined;
// Made once: a thousand numbers are written a second.
const formats = [0, 1, 2, 3, 4, 5].map((digits) => new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
const plain = (x, digits = 0) => known(x) ? formats[digits].format(x).replace("-", "−") : "–";
const number = (x) => plain(x, known(x) && x !== 0 && Math.abs(x) < 100 ? 2 : 0);
const percent = (x) => known(x) ? plain(100 * x, 1) + " %" : "–";
const ms = (x) => known(x) ? plain(x, x < 10 ? 1 : 0) + " ms" : "–";
const words = (text) => text.replaceAll("_", " ");
function clock(s) {
  const whole = Math.floor(s), two = (n) => String(n).padStart(2, "0");
  const days = Math.floor(whole / 86400);
  return (days ? days + " d " : "") + [Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60].map(two).join(":");
}
function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [k, v] of Object.entries(attributes)) made.setAttribute(k, v);
  return made;
}
function write(node, text) { if (node.textContent !== String(text)) node.textContent = text; }
/** A table whose cells are written over where they differ: nothing is built anew that is there. */
function table(id, head, rows, empty) {
  const node = $(id), number = head.map((name) => name.startsWith("#"));
  if (node.dataset.head !== head.join("|")) {
    node.dataset.head = head.join("|");
    const top = element("thead"), line = element("tr");
    head.forEach((name, i) => line.append(element("th", name.replace("#", ""), number[i] ? { class: "num" } : {})));
    top.append(line);
    node.replaceChildren(top, element("tbody"));
  }
  const [top, body] = node.children, cells = rows.length ? rows : [[empty]];
  if (top.hidden !== !rows.length) top.hidden = !rows.length;
  while (body.rows.length > cells.length) body.deleteRow(-1);
  cells.forEach((row, r) => {
    let line = body.rows[r];
    if (!line || line.cells.length !== row.length) {
      const made = element("tr");
      row.forEach((_, i) => made.append(element("td", "", !rows.length ? { class: "soft" } : number[i] ? { class: "num" } : {})));
      line ? line.replaceWith(made) : body.append(made);
      line = made;
    }
    row.forEach((text, i) => write(line.cells[i], text));
  });
}

// ---- drawing ------------------------------------------------------------------------------------------------
const colours = {};
function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["bg", "panel", "ink", "muted", "faint", "line", "grid", "band", "buy", "sell", "alert", "ok"])
    colours[name] = style.getPropertyValue("--" + name).trim();
}
// Asking for a width lays the page out anew, so it is told when it changes.
const widths = new Map();
const sizes = new ResizeObserver((seen) => {
  for (const { target, contentRect } of seen) widths.set(target.id, contentRect.width);
  redraw();
});
function canvas(id) {
  const node = $(id), height = Number(node.dataset.height), scale = devicePixelRatio || 1;
  if (!widths.has(id)) { widths.set(id, node.clientWidth); sizes.observe(node); }
  const width = widths.get(id);
  if (!width) return null;
  if (node.style.height !== height + "px") node.style.height = height + "px";
  if (node.width !== Math.round(width * scale)) node.width = Math.round(width * scale);
  if (node.height !== Math.round(height * scale)) node.height = Math.round(height * scale);
  const pen = node.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "12px system-ui, sans-serif";
  return { pen, width, height };
}
function span(values, least = 0) {
  let low = Infinity, high = -Infinity;
  for (const v of values) if (known(v)) { if (v < low) low = v; if (v > high) high = v; }
  if (low > high) return [0, 1];
  const room = Math.max((high - low) * 0.06, least, 1e-12);
  return [low - room, high + room];
}
function ticks(low, high, n = 4) {
  const raw = (high - low) / n, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= raw) || raw;
  const made = [];
  for (let t = Math.ceil(low / step) * step; t <= high; t += step) made.push(Math.abs(t) < step / 1e6 ? 0 : t);
  return made;
}
/** Room for a chart with values on the left and, if given, times below; returns where things lie. */
function axes(drawn, low, high, times, label = number, n = 4) {
  const { pen, width, height } = drawn, left = 62, bottom = times ? 20 : 6, top = 6, right = 6;
  const y = (v) => top + (high - v) / (high - low) * (height - top - bottom);
  pen.textBaseline = "middle"; pen.textAlign = "right";
  for (const t of ticks(low, high, n)) {
    pen.fillStyle = colours.grid; pen.fillRect(left, Math.round(y(t)), width - left - right, 1);
    pen.fillStyle = colours.muted; pen.fillText(label(t), left - 8, y(t));
  }
  let x = null;
  if (times) {
    const [from, until] = times, length = Math.max(until - from, 1e-9);
    x = (t) => left + (t - from) / length * (width - left - right);
    pen.textBaseline = "alphabetic";
    const marks = width < 500 ? 2 : 4;
    for (let i = 0; i <= marks; i++) {
      const t = from + length * i / marks;
      pen.textAlign = i === 0 ? "left" : i === marks ? "right" : "center";
      pen.fillText(clock(t), x(t), height - 4);
    }
  }
  return { x, y, left, right: width - right, top, bottom: height - bottom };
}
function line(pen, at, times, values, colour, step = false) {
  pen.strokeStyle = colour; pen.lineWidth = 1.5; pen.beginPath();
  let drawing = false, before = 0;
  for (let i = 0; i < times.length; i++) {
    if (!known(values[i])) { drawing = false; continue; }
    const x = at.x(times[i]), y = at.y(values[i]);
    if (!drawing) pen.moveTo(x, y);
    else { if (step) pen.lineTo(x, before); pen.lineTo(x, y); }
    drawing = true; before = y;
  }
  pen.stroke();
}
const seconds = (ns) => ns.map((t) => t / 1e9);
