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
const plain = (x, digits = 0) => known(x)
  ? x.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−") : "–";
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
function table(id, head, rows, empty) {
  const made = element("tbody");
  for (const row of rows) {
    const line = element("tr");
    row.forEach((cell, i) => line.append(element("td", cell, head[i].startsWith("#") ? { class: "num" } : {})));
    made.append(line);
  }
  if (!rows.length) made.append(element("tr"), element("td", empty, { class: "soft" }));
  const top = element("thead"), line = element("tr");
  for (const name of head) line.append(element("th", name.replace("#", ""), name.startsWith("#") ? { class: "num" } : {}));
  top.append(line);
  $(id).replaceChildren(...(rows.length ? [top] : []), made);
}

// ---- drawing ------------------------------------------------------------------------------------------------
const colours = {};
function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["bg", "panel", "ink", "muted", "faint", "line", "grid", "band", "buy", "sell", "alert", "ok"])
    colours[name] = style.getPropertyValue("--" + name).trim();
}
function canvas(id) {
  const node = $(id), width = node.clientWidth, height = Number(node.dataset.height), scale = devicePixelRatio || 1;
  if (!width) return null;
  node.style.height = height + "px";
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

function drawCurve() {
  const drawn = canvas("curve");
  if (!drawn || !minutes) return;
  const s = now.simulation, times = [...seconds(minutes.time_ns), s.time_s];
  const curves = [["trading", "pnl", s.pnl_total, colours.buy], ["endowment", "endowment", s.pnl_endowment_total, colours.muted],
    ["fees", "fees", s.fees_total, colours.sell]].filter((c) => c[0] !== "endowment" || $("with-endowment").checked).map(([name, of, last, colour]) => [name, [...minutes[of], last], colour]);
  const at = axes(drawn, ...span([0, ...curves.flatMap((c) => c[1])], 1e-3), [times[0], times[times.length - 1]]);
  for (const [, values, colour] of curves) line(drawn.pen, at, times, values, colour);
  $("curve-key").replaceChildren(...curves.flatMap(([name, values, colour], i) => {
    const mark = element("b", (i ? "   " : "") + "━ "); mark.style.color = colour;
    return [mark, `${name} ${number(values[values.length - 1])}`];
  }));
}
const PARTS = { spread: "spread captured at the fill", first_minute: "first minute after it",
  one_to_five_minutes: "one to five minutes", held_longer: "held longer", fees_and_rebates: "fees and rebates" };
function drawParts() {
  const parts = now.simulation.parts, most = Math.max(1e-9, ...Object.values(parts).map((v) => Math.abs(v || 0)));
  $("parts").replaceChildren(...Object.entries(PARTS).map(([name, told]) => {
    const row = element("div", "", { class: "part" }), bar = element("i"), mark = element("b"), v = parts[name] || 0;
    const share = 50 * Math.abs(v) / most;
    mark.style.cssText = `width:${share}%;left:${v < 0 ? 50 - share : 50}%;background:var(--${v < 0 ? "sell" : "buy"})`;
    bar.append(mark);
    row.append(element("span", told), bar, element("span", number(v), { class: "num", "data-part": name }));
    return row;
  }));
}
const heatCanvas = document.createElement("canvas");
/** One pixel a book and minute: a day of 128 books in some milliseconds. */
function heatImage(rows, n) {
  heatCanvas.width = rows.length; heatCanvas.height = n;
  const pen = heatCanvas.getContext("2d"), image = pen.createImageData(rows.length, n), pixels = image.data;
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)), long = rgb(colours.buy), short_ = rgb(colours.sell);
  for (let t = 0; t < rows.length; t++) for (let b = 0; b < n; b++) {
    const share = rows[t][b] || 0, size = Math.abs(share), at = 4 * (b * rows.length + t);
    if (size < 0.02) continue;
    const colour = share > 0 ? long : short_;
    pixels[at] = colour[0]; pixels[at + 1] = colour[1]; pixels[at + 2] = colour[2];
    pixels[at + 3] = 255 * Math.min(1, 0.12 + size);
  }
  pen.putImageData(image, 0, 0);
  return heatCanvas;
}
function drawHeat() {
  const n = now.simulation.books.length, node = $("heat");
  node.dataset.height = Math.max(120, Math.min(640, n * Math.max(5, Math.min(22, 360 / n)))) + 20;
  const drawn = canvas("heat");
  if (!drawn || !minutes) return;
  const times = seconds(minutes.time_ns);
  const { pen, width, height } = drawn, left = 62, area = height - 20, tall = area / n;
  pen.fillStyle = colours.panel; pen.fillRect(left, 0, width - left, area);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(heatImage([...minutes.share, now.simulation.per_book.limit_share], n), left, 0, width - left, area);
  pen.fillStyle = colours.muted; pen.textAlign = "right"; pen.textBaseline = "middle";
  const every = Math.ceil(16 / tall);
  for (let b = 0; b < n; b += every) pen.fillText(now.simulation.books[b], left - 8, (b + 0.5) * tall);
  pen.textBaseline = "alphabetic"; pen.textAlign = "left"; pen.fillText(clock(times[0]), left, height - 4);
  pen.textAlign = "right"; pen.fillText(clock(now.simulation.time_s), width, height - 4);
  outline(pen, (b) => [left, b * tall, width - left, Math.max(tall, 2)]);
}
function outline(pen, place) {
  const b = now.simulation.books.indexOf(book);
  if (b < 0) return;
  pen.strokeStyle = colours.ink; pen.lineWidth = 1; pen.strokeRect(...place(b));
}
function columns(drawn, at) {
  const n = now.simulation.books.length, wide = (at.right - at.left) / n;
  return { n, wide, x: (b) => at.left + b * wide, bar: Math.max(1, Math.min(wide - 1, 26)) };
}
function drawSpreads() {
  const drawn = canvas("spreads");
  if (!drawn) return;
  const p = now.simulation.per_book, { pen } = drawn;
  const at = axes(drawn, -2.2, 2.2, null, (v) => v === 1 ? "ask" : v === -1 ? "bid" : v === 0 ? "mid" : "", 5), c = columns(drawn, at);
  for (let b = 0; b < c.n; b++) {
    const half = (p.ask[b] - p.bid[b]) / 2, mid = (p.ask[b] + p.bid[b]) / 2, x = c.x(b) + (c.wide - c.bar) / 2;
    if (!known(p.bid[b]) || !known(p.ask[b]) || !(half > 0)) continue;
    pen.fillStyle = colours.band; pen.fillRect(x, at.y(1), c.bar, at.y(-1) - at.y(1));
    for (const [own, colour] of [[p.own_bid[b], colours.buy], [p.own_ask[b], colours.sell]])
      if (known(own)) {
        pen.fillStyle = colour;
        pen.fillRect(x, at.y(Math.max(-2.1, Math.min(2.1, (own - mid) / half))) - 1.5, c.bar, 3);
      }
  }
  outline(pen, (b) => [c.x(b), at.top, c.wide, at.bottom - at.top]);
}
function drawFees() {
  const drawn = canvas("fees");
  if (!drawn) return;
  const p = now.simulation.per_book, { pen } = drawn, rates = p.maker_rate.map((r) => known(r) ? 1e4 * r : null);
  const most = Math.max(1, ...rates.map((r) => Math.abs(r || 0)));
  const at = axes(drawn, -most * 1.1, most * 1.1, null, (v) => plain(v, most < 5 ? 1 : 0) + " bp"), c = columns(drawn, at);
  for (let b = 0; b < c.n; b++) {
    const x = c.x(b) + (c.wide - c.bar) / 2, tall = (p.maker_ratio[b] || 0) * (at.bottom - at.top);
    pen.fillStyle = colours.band; pen.fillRect(x, at.bottom - tall, c.bar, tall);
    if (known(rates[b])) {
      pen.fillStyle = rates[b] > 0 ? colours.sell : colours.buy;
      pen.beginPath(); pen.arc(x + c.bar / 2, at.y(rates[b]), Math.min(3, Math.max(1.5, c.wide / 2)), 0, 7); pen.fill();
    }
  }
  outline(pen, (b) => [c.x(b), at.top, c.wide, at.bottom - at.top]);
}
function drawPace() {
  const drawn = canvas("pace");
  if (!drawn) return;
  const p = now.simulation.per_book, { pen } = drawn;
  const spent = p.day_quote.map((v, b) => known(p.cap_quote[b]) ? v / p.cap_quote[b] : null);
  const even = p.pace_quote.map((v, b) => known(p.cap_quote[b]) && known(v) ? v / p.cap_quote[b] : null);
  const top = Math.max(1e-3, ...spent.map((v) => v || 0), ...even.map((v) => v || 0));
  const at = axes(drawn, 0, top * 1.08, null, (v) => plain(100 * v, top < 0.05 ? 1 : 0) + " %"), c = columns(drawn, at);
  for (let b = 0; b < c.n; b++) {
    if (!known(spent[b])) continue;
    pen.fillStyle = spent[b] > even[b] ? colours.sell : colours.buy;
    pen.fillRect(c.x(b) + (c.wide - c.bar) / 2, at.y(spent[b]), c.bar, at.bottom - at.y(spent[b]));
    pen.fillStyle = colours.ink; pen.fillRect(c.x(b), at.y(even[b]) - 0.5, c.wide, 1);
  }
  outline(pen, (b) => [c.x(b), at.top, c.wide, at.bottom - at.top]);
}
let pathAxes = null;
function drawPath() {
  const s = now.simulation, b = s.books.indexOf(book);
  $("one").hidden = b < 0;
  if (b < 0) return;
  $("moment").hidden = !about.explains;
  const p = s.per_book, why = s.reasons.map((r) => words(r[b]) || "open");
  $("one-title").textContent = "Book " + book;
  $("one-lede").textContent = `${s.pipelines[s.pipeline[b]] || "no pipeline"} · position ${number(p.position[b])} of ` +
    `${number(p.position_limit[b])} · P&L ${number(p.pnl[b])} · ${p.fills[b]} fills · fees ${number(p.fees[b])} · ` +
    `bid ${why[0]}, ask ${why[1]}`;
  const drawn = canvas("path");
  if (!drawn || !states || states.book !== book || !states.time_ns.length) return;
  const times = seconds(states.time_ns), { pen } = drawn, f = fills || { book: [] };
  const mine = f.book.map((_, i) => i).filter((i) => f.book[i] === book && f.time_s[i] >= times[0]);
  tellFills("own-fills", f, false);
  const digits = Math.max(0, 4 - Math.floor(Math.log10(Math.max(p.mid[b] || 1, 1))));
  const at = axes(drawn, ...span([...states.bid, ...states.ask, ...states.own_bid, ...states.own_ask, ...mine.map((i) => f.price[i])]),
    [times[0], times[times.length - 1]], (v) => plain(v, Math.min(digits, 4)));
  pathAxes = { at, times };
  pen.fillStyle = colours.band; pen.beginPath();
  let begun = false;
  const there = times.map((_, i) => i).filter((i) => known(states.bid[i]) && known(states.ask[i]));
  for (const i of there) { const x = at.x(times[i]), y = at.y(states.ask[i]); begun ? pen.lineTo(x, y) : pen.moveTo(x, y); begun = true; }
  for (const i of there.reverse()) pen.lineTo(at.x(times[i]), at.y(states.bid[i]));
  pen.fill();
  line(pen, at, times, states.mid, colours.muted);
  line(pen, at, times, states.own_bid, colours.buy, true);
  line(pen, at, times, states.own_ask, colours.sell, true);
  for (const i of mine) {
    const x = at.x(f.time_s[i]), y = at.y(f.price[i]), up = f.side[i] === 0 ? 1 : -1;
    pen.fillStyle = pen.strokeStyle = up > 0 ? colours.buy : colours.sell;
    pen.beginPath(); pen.moveTo(x, y); pen.lineTo(x - 5, y + 9 * up); pen.lineTo(x + 5, y + 9 * up); pen.closePath();
    f.maker[i] ? pen.fill() : pen.stroke();
  }
}
function drawScore() {
  const told = now.score;
  $("score").hidden = !told;
  if (!told) return;
  $("score-lede").textContent = told.lede;
  $("score-notes").replaceChildren(...told.notes.map((note) => element("li", note)));
  table("own-score", ["", "#value"], told.own.map(([name, value]) => [words(name), score(value)]), told.missing || "None yet.");
  const { columns } = told, rows = told.uids.map((uid, i) => [uid, ...told.values[i]]), own = told.uids.indexOf(told.uid);
  table("field-table", ["#place", "#uid", ...columns.map((name) => "#" + words(name))], rows.map((row, i) => [i + 1, row[0], ...row.slice(1).map(score)]), "Nobody has a score yet.");
  const lines = $("field-table").querySelectorAll("tbody tr");
  if (own >= 0) lines[own].className = "ours";
  $("field-key").textContent = rows.length ? `${words(columns[0])} of ${rows.length} uids that traded, best first; ours stands out` + (own >= 0 ? `, at place ${own + 1}.` : ".") : "";
  const drawn = canvas("field");
  if (!drawn || !rows.length) return;
  const values = rows.map((row) => row[1]), at = axes(drawn, ...span([0, ...values], 1e-9), null, score), c = { wide: (at.right - at.left) / rows.length };
  values.forEach((v, i) => {
    if (!known(v)) return;
    drawn.pen.fillStyle = i === own ? colours.buy : colours.faint;
    const y = at.y(Math.max(v, 0)), tall = Math.abs(at.y(v) - at.y(0));
    drawn.pen.fillRect(at.left + i * c.wide, y, Math.max(Math.min(c.wide - 1, 26), 1), Math.max(tall, 1));
  });
}
const score = (x) => known(x) ? plain(x, x !== 0 && Math.abs(x) < 0.01 ? 5 : Math.abs(x) < 100 ? 3 : 0) : "–";
function drawMarkout() {
  const drawn = canvas("markout"), s = now.simulation;
  if (!drawn) return;
  const values = s.markout_bps, [low, high] = span([0, ...values], 0.1), { pen } = drawn;
  const at = axes(drawn, low - 0.16 * (high - low), high, null, (v) => v < low ? "" : plain(v, 1));
  const x = (i) => at.left + 24 + i / (values.length - 1) * (at.right - at.left - 48);
  pen.fillStyle = colours.faint; pen.fillRect(at.left, Math.round(at.y(0)), at.right - at.left, 1);
  at.x = x;
  line(pen, at, values.map((_, i) => i), values, colours.buy);
  values.forEach((v, i) => {
    if (known(v)) { pen.fillStyle = colours.buy; pen.beginPath(); pen.arc(x(i), at.y(v), 3, 0, 7); pen.fill(); }
    pen.fillStyle = colours.muted; pen.textAlign = "center"; pen.textBaseline = "bottom"; pen.fillText(s.markout_s[i] + " s", x(i), drawn.height - 2);
  });
}
function drawTimes() {
  const drawn = canvas("times");
  if (!drawn || !now.validators.length) return;
  if (now.validators.length > 4) { drawManyTimes(drawn); return; }
  const shown = now.validators, palette = [colours.buy, colours.sell, colours.ok, colours.muted], { pen } = drawn;
  const shares = shown.map((v) => { const all = v.counts.reduce((a, b) => a + b, 0) || 1; return v.counts.map((c) => c / all); });
  const at = axes(drawn, -0.12 * Math.max(...shares.flat()), Math.max(...shares.flat()) * 1.05, null, (v) => v < 0 ? "" : plain(100 * v) + " %");
  const n = shares[0].length, wide = (at.right - at.left) / n, each = (wide - 4) / shown.length;
  shares.forEach((row, k) => row.forEach((share, i) => {
    pen.fillStyle = palette[k]; pen.fillRect(at.left + i * wide + 2 + k * each, at.y(share), Math.max(each - 1, 1), at.y(0) - at.y(share));
  }));
  pen.fillStyle = colours.muted; pen.textAlign = "center"; pen.textBaseline = "bottom";
  const skip = wide < 44 ? 2 : 1, bounds = shown[0].bounds_ms;
  for (let i = 0; i < n; i += skip) pen.fillText(i < n - 1 ? "≤" + bounds[i] : "more", at.left + (i + 0.5) * wide, drawn.height - 2);
  $("times-key").replaceChildren("Milliseconds, share of all answers: ", ...shown.flatMap((v, k) => {
    const mark = element("b", "■ "); mark.style.color = palette[k]; return [mark, short(v.sender) + "  "];
  }));
}
/** Of many validators: a row each, a column for each span of times, darker for more answers. */
function drawManyTimes({ pen, width, height }) {
  const all = now.validators, bounds = all[0].bounds_ms, n = bounds.length + 1, left = 110, bottom = 18;
  const wide = (width - left) / n, tall = (height - bottom) / all.length, skip = wide < 44 ? 2 : 1;
  pen.textBaseline = "middle"; pen.textAlign = "right";
  all.forEach((v, row) => {
    const sum = v.counts.reduce((a, b) => a + b, 0) || 1;
    v.counts.forEach((c, i) => {
      pen.globalAlpha = c ? 0.12 + 0.88 * c / sum : 0; pen.fillStyle = colours.buy;
      pen.fillRect(left + i * wide, row * tall, wide - 1, Math.max(tall - 1, 1));
    });
    pen.globalAlpha = 1; pen.fillStyle = colours.muted;
    if (row % Math.ceil(13 / tall) === 0) pen.fillText(short(v.sender), left - 6, (row + 0.5) * tall);
  });
  pen.textAlign = "center"; pen.textBaseline = "bottom";
  for (let i = 0; i < n; i += skip) pen.fillText(i < n - 1 ? "≤" + bounds[i] : "more", left + (i + 0.5) * wide, height - 2);
  $("times-key").textContent = "Milliseconds by validator, darker the more of its answers.";
}
const short = (name) => name ? (name.length > 14 ? name.slice(0, 8) + "…" : name) : "unnamed";

const AFTER = [1, 10, 60];
/** 0, 1, 2, 7 as "0–2, 7"; every other one of many as such. */
function spans(ids) {
  const made = [];
  for (let i = 0; i < ids.length;) {
    let j = i, step = ids[i + 1] - ids[i];
    if (step !== 1 && step !== 2) step = 1;
    while (j + 1 < ids.length && ids[j + 1] - ids[j] === step) j++;
    if (step === 2 && j - i < 3) { j = i; step = 1; }
    made.push(j === i ? `${ids[i]}` : step === 1 ? `${ids[i]}–${ids[j]}` : `${ids[i]}, ${ids[i] + 2} … ${ids[j]}`);
    i = j + 1;
  }
  return made.length > 12 ? `${ids.length}: ${made.slice(0, 10).join(", ")} …` : made.join(", ");
}
function tellFills(id, f, books) {
  const last = f.book.map((_, i) => i).reverse().slice(0, 40), at = AFTER.map((after) => now.simulation.markout_s.indexOf(after));
  table(id, ["time", ...(books ? ["#book"] : []), "", "", "#price", "#size", "#fee", ...AFTER.map((after) => `#${after} s, bp`)], last.map((i) => [clock(f.time_s[i]),
    ...(books ? [f.book[i]] : []), f.side[i] ? "sold" : "bought", f.maker[i] ? "maker" : "taker", plain(f.price[i], 2), plain(f.size[i], 4), plain(f.fee[i], 3),
    ...at.map((h) => plain(f.markout_bps[i][h], 1))]), "No fill yet.");
}
function tell() {
  const s = now.simulation, v = now.validators.find((one) => one.sender === s.key[0]) || now.validators[now.validators.length - 1];
  const quiet = Object.values(s.quiet_because).reduce((a, b) => a + b, 0);
  const tiles = [
    ["P&L of trading", "pnl", s.pnl_total, number(s.pnl_total), percent(s.capital_total ? s.pnl_total / s.capital_total : null) + " of capital"],
    ["Endowment", "endowment", s.pnl_endowment_total, number(s.pnl_endowment_total), "by the move of the price"],
    ["Fees paid", "fees", s.fees_total, number(s.fees_total), s.fees_total < 0 ? "rebates" : ""],
    ["Drawdown", "drawdown", s.total_drawdown, number(s.total_drawdown), "at most " + number(s.total_max_drawdown)],
    ["Fills", "fills", s.fills_total, plain(s.fills_total), percent(s.fill_rate) + " of orders"],
    ["Win rate", "win_rate", s.win_rate, percent(s.win_rate), "60 s markout"],
    ["Maker share", "maker_share", s.maker_share, percent(s.maker_share), "of own volume"],
    ["Closed sides", "closed", quiet / s.sides, percent(s.sides ? quiet / s.sides : null), Object.keys(s.quiet_because).slice(0, 1).map(words).join()],
    ["Response, 99 %", "p99", v ? v.p99 : null, ms(v ? v.p99 : null), "median " + ms(v ? v.p50 : null)],
    ["States", "states", s.states, plain(s.states), `${s.missed} missed, ${s.late} late`],
    ["Refused", "rejects", s.rejects_total, plain(s.rejects_total), "by the venue"],
    ...(now.score ? [["Score, " + now.score.era, "score", now.score.total, score(now.score.total),
      known(now.score.place) ? `place ${now.score.place} of ${now.score.uids.length} known` : now.score.missing ? "none yet" : ""]] : []),
    ["Simulated", "time_s", s.time_s, clock(s.time_s), plain(s.hours, 2) + " h seen"],
  ];
  $("tiles").replaceChildren(...tiles.map(([title, name, raw, text, small]) => {
    const tile = element("div", "", { class: "tile" });
    tile.append(element("h3", title), element("p", text, { "data-figure": name, "data-value": known(raw) ? raw : "" }), element("small", small));
    return tile;
  }));
  tellFills("fills", s.recent, true);
  table("validators", ["validator", "#answered", "#without orders", "#lost", "#median", "#99 %", "#slowest", "#heard"], now.validators.map((one) => [short(one.sender),
    plain(one.answered), plain(Object.values(one.without_orders).reduce((a, b) => a + b, 0)), plain(one.missed), ms(one.p50), ms(one.p99), ms(one.max),
    plain(Math.max(0, (now.at_ms - one.heard_ms) / 1000)) + " s ago"]), "Nobody asked yet.");
  table("quiet", ["because of", "#share of all sides"], Object.entries(s.quiet_because).map(([why, n]) => [words(why), percent(n / s.sides)]), "None so far.");
  table("rejects", ["", "#instructions"], Object.entries(s.rejects_because).sort((a, b) => b[1] - a[1]).map(([why, n]) => [why, plain(n)]), "Nothing so far.");
  table("pipelines", ["pipeline", "books", "#failed"], s.pipelines.map((name, i) => {
    const its = s.books.filter((_, b) => s.pipeline[b] === i);
    return [name || "none", spans(its), plain(s.faults[name] || 0)];
  }), "");
  table("news", ["time", "pipeline", "", "books"], s.news.slice().reverse().map(([t, , pipeline, event, books, n, details]) => [clock(t), pipeline,
    event + Object.entries(details).map(([k, d]) => ` · ${k} ${typeof d === "number" ? number(d) : d}`).join(""),
    n === s.books.length ? "all" : books.join(", ") + (n > books.length ? " …" : "")]), "None so far.");
}
function tellHead() {
  const names = now.simulations.map((one) => one.join(" / ") || "–"), pick = $("simulation");
  if (pick.dataset.names !== names.join("|")) {
    pick.dataset.names = names.join("|");
    pick.replaceChildren(...now.simulations.map((one, i) => element("option", `${short(one[0])} / ${one[1] || "simulation"}`, { value: i })));
  }
  if (now.simulation) pick.value = now.simulations.findIndex((one) => one.join("|") === now.simulation.key.join("|"));
  $("pick").hidden = names.length < 2;
  $("waiting").hidden = !!now.simulation; $("figures").hidden = !now.simulation;
  if (now.simulation) $("clock").textContent = `configuration ${now.simulation.config_hash || "–"} · ${now.simulation.books.length} books` +
    (now.untold ? ` · ${now.untold} states are not in these figures` : "") + (now.simulation.last_fault ? ` · ${now.simulation.last_fault}` : "");
}
function draw() {
  frame = 0;
  if (!now) return;
  const began = performance.now();
  tellHead();
  tellSteering(now.steering);
  if (now.simulation) {
    tell();
    for (const part of [drawParts, drawCurve, drawHeat, drawSpreads, drawFees, drawPace, drawPath, drawScore, drawMarkout, drawTimes]) part();
  }
  frames.push(performance.now() - began);
  if (frames.length > 60) frames.shift();
  const sorted = [...frames].sort((a, b) => a - b);
  document.body.dataset.frameMs = sorted[Math.floor(sorted.length / 2)].toFixed(1);
  document.body.dataset.messages = Number(document.body.dataset.messages || 0) + 1;
  $("foot").textContent = `Drawn in ${document.body.dataset.frameMs} ms.`;
}
const redraw = () => { if (!frame) frame = requestAnimationFrame(draw); };

// ---- what comes ---------------------------------------------------------------------------------------------
function grown(old, more, keep) {
  if (!old) return more;
  const made = {};
  for (const name of Object.keys(more)) made[name] = Array.isArray(more[name]) ? old[name].concat(more[name]).slice(-keep) : more[name];
  return made;
}
function take(message) {
  if (message.anew) minutes = states = fills = null;
  if (message.fills) fills = message.fills;
  if (message.minutes) minutes = grown(minutes, message.minutes, 1440);
  if (message.states) states = grown(states && states.book === message.states.book ? states : null, message.states, 900);
  now = message;
  redraw();
}
function listen() {
  if (source) source.close();
  const asked = new URLSearchParams();
  if (key) { asked.set("validator", key[0]); asked.set("simulation", key[1]); }
  if (book !== null) asked.set("book", book);
  source = new EventSource("events?" + asked);
  source.onopen = () => link("ok", "connected");  // The first message begins anew.
  source.onerror = () => link("bad", "no connection; trying again");
  source.onmessage = (event) => take(JSON.parse(event.data));
}
function link(kind, text) { $("link").className = "status " + kind; $("link").textContent = text; }
function look(id) {
  book = book === id ? null : id;
  fills = traced = null;
  if (book !== null) $("act-books").value = String(book);
  $("trace").replaceChildren();
  const address = new URL(location); book === null ? address.searchParams.delete("book") : address.searchParams.set("book", book);
  history.replaceState(null, "", address);
  listen();
}
function bookAt(event, vertical) {
  const box = event.target.getBoundingClientRect(), n = now.simulation.books.length, left = 62;
  const at = vertical ? (event.clientY - box.top) / (box.height - 20) : (event.clientX - box.left - left) / (box.width - left - 6);
  const b = Math.floor(at * n);
  if (b >= 0 && b < n) look(now.simulation.books[b]);
}
$("heat").onclick = (event) => bookAt(event, true);
for (const id of ["spreads", "fees", "pace"]) $(id).onclick = (event) => bookAt(event, false);
$("with-endowment").onchange = redraw;
$("simulation").onchange = (event) => { key = now.simulations[event.target.value]; book = null; listen(); };

// ---- the decision of a moment -------------------------------------------------------------------------------
$("path").onclick = async (event) => {
  if (!pathAxes || !about.explains) return;
  const { at, times } = pathAxes, box = event.target.getBoundingClientRect();
  const share = (event.clientX - box.left - at.left) / (at.right - at.left);
  await trace(times[0] + Math.min(1, Math.max(0, share)) * (times[times.length - 1] - times[0]) - 0.5);
};
let traced = null;   // the moment whose decision is shown
function moment(text) {
  const parts = text.trim().split(":").map(Number);
  return text.trim() === "" || parts.some((x) => !Number.isFinite(x)) ? null : parts.reduce((a, b) => 60 * a + b, 0);
}
$("moment-show").onclick = () => {
  const at = moment($("moment-at").value);
  if (at === null) { $("trace").replaceChildren(element("p", "Say a time such as 1:23:45, or seconds.", { class: "alert" })); return; }
  trace(at - 1e-3);
};
$("moment-at").onkeydown = (event) => { if (event.key === "Enter") $("moment-show").click(); };
const step = (by) => trace((known(traced) ? traced : now.simulation.time_s) + by * now.simulation.interval_s - 1e-3);
$("moment-before").onclick = () => step(-1);
$("moment-after").onclick = () => step(1);
async function trace(at) {
  $("trace").replaceChildren(element("p", "…", { class: "soft" }));
  const [validator, simulation] = now.simulation.key;
  const where = $("trace");
  let told;
  try {
    told = await (await fetch("explain?" + new URLSearchParams({ validator, simulation, book, at }))).json();
  } catch (error) { told = { error: `no answer (${error.message})` }; }
  if (!told.error) { traced = told.time_s; $("moment-at").value = clock(told.time_s); }
  if (told.error) { where.replaceChildren(element("p", told.error, { class: "alert" })); return; }
  const cell = (x) => typeof x === "number" ? plain(x, Number.isInteger(x) ? 0 : Math.abs(x) < 1 ? 5 : 3) : known(x) ? Array.isArray(x) ? x.map(cell).join(", ") : String(x) : "–";
  const box = element("div");
  const part = (title, rows) => {
    if (!rows || !rows.length) return;
    const figure = element("figure"), made = element("table");
    const names = Object.keys(rows[0]), wrap = element("div", "", { class: "scroll" });
    const head = element("tr"); names.forEach((n) => head.append(element("th", words(n)))); made.append(head);
    for (const row of rows) { const line = element("tr"); names.forEach((n) => line.append(element("td", cell(row[n])))); made.append(line); }
    wrap.append(made); figure.append(element("h3", title), wrap); box.append(figure);
  };
  const pairs = (object) => Object.entries(object).map(([what, value]) => ({ what, value }));
  part("What it saw", pairs(told.market)); part("Own orders that rest", told.resting); part("Signals", told.signals); part("Gates, each by itself", told.gates);
  part("Quotes wanted", told.quotes); part("Instructions", told.orders); part("Quiet or narrowed because of", pairs(told.reasons));
  where.replaceChildren(element("h3", `Decision at ${told.time_s} s, ${told.pipeline}, hash ${told.hash}`, { "data-trace": told.time_s }), box);
}

// ---- steering -----------------------------------------------------------------------------------------------
const KEEP = "obmm token";
const kept = { get: () => { try { return sessionStorage.getItem(KEEP) || ""; } catch { return token; } },
  set: (text) => { token = text; try { sessionStorage.setItem(KEEP, text); } catch { /* this page alone keeps it */ } } };
let token = "", steering = null;
function tellSteering(told) {
  steering = told;
  $("steering").hidden = !told;
  if (!told) return;
  const overrides = Object.entries(told.overrides).map(([books, mode]) => `${books}: ${words(mode)}`);
  $("stands").textContent = [told.config + ", hash " + told.config_hash, told.ab ? `A/B: ${told.ab.source} on ${told.ab.books}` : "",
    ...overrides, told.problem ? "not in force: " + told.problem : ""].filter(Boolean).join(" · ");
  $("stopped").hidden = !told.stopped;
  $("stopped").textContent = told.stopped === "stopped" ? "Stopped: every answer cancels all that rests, until somebody lets it go on." : "Leaving: every answer cancels all that rests.";
  $("act-back").disabled = !told.before; $("act-back").textContent = told.before ? "Back to " + told.before.split("/").pop() : "Back";
  $("act-end").disabled = !told.ab;
  const open = !!kept.get();
  $("unlock").hidden = open; $("acts").hidden = !open; $("one-acts").hidden = !open;
}
function say(kind, text) { $("said").className = kind; $("said").textContent = text; }
async function steer(deed, asked, button) {
  const doing = [deed, ...Object.values(asked)].join(" ");
  say("", doing + " …");
  if (button) button.disabled = true;
  try {
    const reply = await fetch("steer", { method: "POST", headers: { "content-type": "application/json", authorization: "Bearer " + kept.get() },
      body: JSON.stringify({ deed, words: asked }) });
    const told = await reply.json();
    if (reply.status === 401) kept.set("");
    if (button) button.disabled = false;
    if (told.error) say("bad", `${doing}: not done. ${told.error}`);
    else { say("ok", doing + ": done."); tellSteering(told); }
    if (reply.status === 401) tellSteering(steering);
  } catch (error) {
    if (button) button.disabled = false;
    say("bad", `${doing}: no answer from the agent (${error.message}).`);
  }
}
for (const button of document.querySelectorAll("button[data-deed]")) button.onclick = () => {
  const { deed, books, from, source } = button.dataset, asked = {};
  if (source) asked.source = $(source).value.trim();
  if (books) asked.books = books;
  if (from) asked.books = $(from).value.trim() || "all";
  if ("book" in button.dataset) { asked.books = String(book); $("steering").open = true; }
  if (source && !asked.source) { say("bad", deed + ": name a preset or a TOML file first."); $(source).focus(); return; }
  steer(deed, asked, button);
};
$("use-token").onclick = () => { kept.set($("token").value.trim()); $("token").value = ""; say("", ""); tellSteering(steering); };
$("token").onkeydown = (event) => { if (event.key === "Enter") $("use-token").click(); };

// ---- begin --------------------------------------------------------------------------------------------------
const given = new URL(location).searchParams;
if (location.hash.startsWith("#token=")) {  // It goes to no server, and out of sight.
  kept.set(decodeURIComponent(location.hash.slice(7)));
  history.replaceState(null, "", location.pathname + location.search);
  $("steering").open = true;
}
if (about.sources) $("sources").replaceChildren(...about.sources.map((name) => element("option", "", { value: name })));
if (given.get("book") !== null && /^-?\d+$/.test(given.get("book"))) book = Number(given.get("book"));
readColours();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); redraw(); });
addEventListener("resize", redraw);
take(about.first);
draw();
listen();
