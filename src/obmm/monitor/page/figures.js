// ---- figures and tables ---------------------------------------------------------------------------------------
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
  const last = f.book.map((_, i) => i).reverse(), at = AFTER.map((after) => now.simulation.markout_s.indexOf(after));
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
      known(now.score.total) && known(now.score.place) ? `place ${now.score.place} of ${now.score.uids.length} known` : "none yet"]] : []),
    ["Simulated", "time_s", s.time_s, clock(s.time_s), plain(s.hours, 2) + " h seen"],
  ];
  while ($("tiles").children.length > tiles.length) $("tiles").lastChild.remove();
  tiles.forEach(([title, name, raw, text, small], i) => {
    let tile = $("tiles").children[i];
    if (!tile) {
      tile = element("div", "", { class: "tile" });
      tile.append(element("h3"), element("p"), element("small"));
      $("tiles").append(tile);
    }
    const [head, figure, more] = tile.children;
    write(head, title); write(figure, text); write(more, small);
    figure.dataset.figure = name; figure.dataset.value = known(raw) ? raw : "";
  });
}
const tellNewest = () => tellFills("fills", now.simulation.recent, true);
function tellValidators() {
  table("validators", ["validator", "#answered", "#without orders", "#lost", "#median", "#99 %", "#slowest", "#heard"], now.validators.map((one) => [short(one.sender),
    plain(one.answered), plain(Object.values(one.without_orders).reduce((a, b) => a + b, 0)), plain(one.missed), ms(one.p50), ms(one.p99), ms(one.max),
    plain(Math.max(0, (now.at_ms - one.heard_ms) / 1000)) + " s ago"]), "Nobody asked yet.");
}
function tellRest() {
  const s = now.simulation;
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
  tellSteering(now.steering);
  const names = now.simulations.map((one) => one.join(" / ") || "–"), pick = $("simulation");
  if (pick.dataset.names !== names.join("|")) {
    pick.dataset.names = names.join("|");
    pick.replaceChildren(...now.simulations.map((one, i) => element("option", `${short(one[0])} / ${one[1] || "simulation"}`, { value: i })));
  }
  if (now.simulation) pick.value = now.simulations.findIndex((one) => one.join("|") === now.simulation.key.join("|"));
  $("pick").hidden = names.length < 2;
  $("score").hidden = !now.score; $("one").hidden = !now.simulation || !now.simulation.books.includes(book);
  $("waiting").hidden = !!now.simulation; $("figures").hidden = !now.simulation;
  if (now.simulation) $("clock").textContent = `configuration ${now.simulation.config_hash || "–"} · ${now.simulation.books.length} books` +
    (now.untold ? ` · ${now.untold} states are not in these figures` : "") + (now.simulation.last_fault ? ` · ${now.simulation.last_fault}` : "");
}
