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
