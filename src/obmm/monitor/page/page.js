// ---- drawing what is in sight, a slice at a time ----------------------------------------------------------------
const SLICE_MS = 6;      // of a frame of 16.7
const PARTS_OF = { tiles: [tell], curve: [drawParts, drawCurve], heat: [drawHeat], spreads: [drawSpreads], fees: [drawFees], pace: [drawPace],
  path: [drawPath], field: [drawScore], markout: [drawMarkout, tellNewest], times: [drawTimes, tellValidators], quiet: [tellRest] };
const outOfSight = new Set();
let waiting = [], spent = 0, drawnOnce = false;
const sight = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) isIntersecting ? outOfSight.delete(target.dataset.of) : outOfSight.add(target.dataset.of);
  redraw();
}, { rootMargin: "300px" });
for (const of of Object.keys(PARTS_OF)) {
  const node = of === "tiles" ? $(of) : $(of).closest("section");
  node.dataset.of ||= of;
  if (node.dataset.of === of) sight.observe(node);
}
function redraw() {
  if (!now) return;
  const seen = (of) => !drawnOnce || !outOfSight.has((of === "tiles" ? $(of) : $(of).closest("section")).dataset.of);
  waiting = [tellHead, ...(now.simulation ? Object.keys(PARTS_OF).filter(seen).flatMap((of) => PARTS_OF[of]) : [])];
  spent = 0;
  if (!frame) frame = requestAnimationFrame(draw);
}
function draw(_, most = SLICE_MS) {
  const began = performance.now();
  frame = 0;
  do waiting.shift()(); while (waiting.length && performance.now() - began < most);
  spent += performance.now() - began;
  if (waiting.length) { frame = requestAnimationFrame(draw); return; }
  drawnOnce = drawnOnce || !!now.simulation;
  frames.push(spent);
  if (frames.length > 60) frames.shift();
  const sorted = [...frames].sort((a, b) => a - b), data = document.body.dataset;
  data.frameMs = sorted[Math.floor(sorted.length / 2)].toFixed(1);
  data.messages = Number(data.messages || 0) + 1;
  write($("foot"), `Drawn in ${data.frameMs} ms.`);
}

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
  source.onerror = () => {
    link("bad", "no connection; trying again");
    if (source.readyState === EventSource.CLOSED) { clearTimeout(again); again = setTimeout(listen, 3000); }  // It was refused.
  };
  source.onmessage = (event) => take(JSON.parse(event.data));
}
let again = 0;
// What nobody sees is not asked for.
document.addEventListener("visibilitychange", () => {
  clearTimeout(again);
  if (document.hidden) { if (source) source.close(); link("", "paused while out of sight"); } else listen();
});
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
take(about.first);
cancelAnimationFrame(frame);
draw(0, Infinity);  // All of it at once, also what is out of sight.
listen();
