// ---- charts ---------------------------------------------------------------------------------------------------
function drawCurve() {
  const drawn = canvas("curve");
  if (!drawn || !minutes) return;
  const every = Math.ceil(minutes.time_ns.length / 600), thin = (row) => every > 1 ? row.filter((_, i) => i % every === 0) : row;
  const s = now.simulation, times = [...seconds(thin(minutes.time_ns)), s.time_s];
  const curves = [["trading", "pnl", s.pnl_total, colours.buy], ["endowment", "endowment", s.pnl_endowment_total, colours.muted],
    ["fees", "fees", s.fees_total, colours.sell]].filter((c) => c[0] !== "endowment" || $("with-endowment").checked).map(([name, of, last, colour]) => [name, [...thin(minutes[of]), last], colour]);
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
  if (!$("parts").children.length) $("parts").replaceChildren(...Object.entries(PARTS).map(([name, told]) => {
    const row = element("div", "", { class: "part" }), bar = element("i");
    bar.append(element("b"));
    row.append(element("span", told), bar, element("span", "", { class: "num", "data-part": name }));
    return row;
  }));
  Object.keys(PARTS).forEach((name, i) => {
    const row = $("parts").children[i], v = parts[name] || 0, share = 50 * Math.abs(v) / most;
    row.children[1].firstChild.style.cssText = `width:${share}%;left:${v < 0 ? 50 - share : 50}%;background:var(--${v < 0 ? "sell" : "buy"})`;
    write(row.children[2], number(v));
  });
}
const heatCanvas = document.createElement("canvas");
let heatOf = "";
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
/** One pixel a book and minute, and a last column for now; the others are drawn when a minute begins. */
function heatImage(rows, last, n) {
  const of = [rows.length, n, minutes.time_ns[0], colours.buy].join();
  const pen = heatCanvas.getContext("2d"), long = rgb(colours.buy), short_ = rgb(colours.sell);
  const paint = (image, row, t, wide) => {
    for (let b = 0; b < n; b++) {
      const share = row[b] || 0, size = Math.abs(share), at = 4 * (b * wide + t);
      if (size < 0.02) continue;
      const colour = share > 0 ? long : short_;
      image.data[at] = colour[0]; image.data[at + 1] = colour[1]; image.data[at + 2] = colour[2];
      image.data[at + 3] = 255 * Math.min(1, 0.12 + size);
    }
  };
  if (heatOf !== of) {
    heatOf = of;
    heatCanvas.width = rows.length + 1; heatCanvas.height = n;
    if (rows.length) {
      const image = pen.createImageData(rows.length, n);
      rows.forEach((row, t) => paint(image, row, t, rows.length));
      pen.putImageData(image, 0, 0);
    }
  }
  const column = pen.createImageData(1, n);
  paint(column, last, 0, 1);
  pen.putImageData(column, rows.length, 0);
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
  pen.drawImage(heatImage(minutes.share, now.simulation.per_book.limit_share, n), left, 0, width - left, area);
  pen.fillStyle = colours.muted; pen.textAlign = "right"; pen.textBaseline = "middle";
  const every = Math.ceil(16 / tall);
  for (let b = 0; b < n; b += every) pen.fillText(now.simulation.books[b], left - 8, Math.max(7, (b + 0.5) * tall));
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
  if (!told) return;
  $("score-lede").textContent = told.lede;
  $("score-notes").replaceChildren(...told.notes.map((note) => element("li", note)));
  table("own-score", ["", "#value"], told.own.filter(([, value]) => known(value)).map(([name, value]) => [words(name), score(value)]), told.missing || "None yet.");
  const { columns } = told, rows = told.uids.map((uid, i) => [uid, ...told.values[i]]), own = told.uids.indexOf(told.uid);
  table("field-table", ["#place", "#uid", ...columns.map((name) => "#" + words(name))], rows.map((row, i) => [i + 1, row[0], ...row.slice(1).map(score)]), "Nobody has a score yet.");
  [...$("field-table").tBodies[0].rows].forEach((row, i) => { row.className = i === own ? "ours" : ""; });
  $("field-key").textContent = rows.length ? `${words(columns[0])} of ${rows.length} uids that traded, best first; ours stands out` + (own >= 0 ? `, at place ${own + 1}.` : ".") : "";
  const drawn = canvas("field");
  if (!drawn || !rows.length) return;
  const values = rows.map((row) => row[1]), most = Math.max(...values.map((v) => v || 0)), at = axes(drawn, ...(most > 0 ? span([0, ...values]) : [0, 1]), null, score), c = { wide: (at.right - at.left) / rows.length };
  values.forEach((v, i) => {
    if (!known(v)) return;
    drawn.pen.fillStyle = i === own ? colours.buy : colours.faint;
    const y = at.y(Math.max(v, 0)), tall = Math.abs(at.y(v) - at.y(0));
    drawn.pen.fillRect(at.left + i * c.wide, y, Math.max(Math.min(c.wide - 1, 26), 1), Math.max(tall, 1));
  });
}
const score = (x) => known(x) ? plain(x, Number.isInteger(x) ? 0 : Math.abs(x) < 0.01 ? 5 : Math.abs(x) < 100 ? 3 : 0) : "–";
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
