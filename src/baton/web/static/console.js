"use strict";
// The console's one script: parts of a page that are fetched anew, the time machine, hover. Every page reads without it.

const FRAGMENT = { "X-Fragment": "1" };

// Fetch a part of a page and put it in place of what an element holds. A part that does not come leaves what was there.
async function fill(element, address) {
  element.classList.add("busy");
  try {
    const answer = await fetch(address, { headers: FRAGMENT, credentials: "same-origin" });
    if (answer.status === 401) return signedOut();
    const text = await answer.text();
    if (!answer.ok && !element.matches("[data-lazy]")) return;
    if (element.dataset.live && occupied(element)) return; // somebody began to type while it was on its way
    const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
    const open = new Set([...element.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent.trim()));
    element.innerHTML = text;
    for (const summary of element.querySelectorAll("details > summary")) summary.parentElement.open ||= open.has(summary.textContent.trim());
    if (focused) document.getElementById(focused)?.focus();
    wake(element);
  } catch {
    if (element.matches("[data-lazy]")) element.textContent = "This part could not be loaded. Load the page again.";
  } finally {
    element.classList.remove("busy");
  }
}

function signedOut() {
  if (document.querySelector("[data-signed-out]")) return;
  const told = document.createElement("p");
  told.className = "banner warn";
  told.dataset.signedOut = "";
  told.setAttribute("role", "alert");
  told.textContent = "You are signed out. What you typed is still here: sign in in another tab, then go on.";
  document.querySelector(".page")?.prepend(told);
}

// What belongs to new content: parts that load when they are seen, forms that go by themselves.
function wake(root) {
  for (const part of root.querySelectorAll("[data-lazy]")) seen.observe(part);
  for (const form of root.querySelectorAll("form[data-auto]")) form.addEventListener("change", () => form.requestSubmit());
}

const seen = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      fill(target, target.dataset.lazy);
    }
  },
  { rootMargin: "200px" },
);

// Live: when something was recorded, the parts that show the present are fetched anew; never while somebody types in one.
// Only a page that is seen listens: a browser opens six connections to one console, for all of its tabs together.
let events = null;
function listen() {
  const address = document.body.dataset.events;
  if (!address || document.hidden || new URL(location.href).searchParams.has("at")) return deafen();
  if (events) return;
  let lost = false;
  events = new EventSource(address);
  events.addEventListener("recorded", renew);
  events.addEventListener("error", () => { lost = true; });
  events.addEventListener("open", () => { if (lost) renew(); lost = false; }); // what was recorded in between was not heard
}

function deafen() {
  events?.close();
  events = null;
}

// Whether somebody works in a part: a field that has the focus or holds what they typed, an act that is open.
function occupied(part) {
  const typed = (field) => field.type !== "hidden" && (field.options ? [...field.options].some((option) => option.selected !== option.defaultSelected)
    : field.type === "checkbox" || field.type === "radio" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);
  const fields = [...part.querySelectorAll("textarea, input, select")];
  return part.querySelector("details.act[open]") || fields.some((field) => field === document.activeElement || typed(field));
}

let renewing = false, again = false;
async function renew() {
  if (!events) return;
  if (renewing) { again = true; return; } // what came while parts were fetched is not in them
  renewing = true;
  do {
    again = false;
    const parts = [...document.querySelectorAll("[data-live]")].filter((part) => !occupied(part));
    await Promise.all(parts.map((part) => fill(part, part.dataset.live)));
    await new Promise((done) => setTimeout(done, 300));
  } while (again && events);
  renewing = false;
}
const attend = () => { listen(); renew(); }; // what was recorded while nobody looked was not heard
document.addEventListener("visibilitychange", attend);
addEventListener("pagehide", deafen);
addEventListener("pageshow", (event) => { if (event.persisted) attend(); });

// Time machine: the slider shows another instant at once; the film goes on from one to the next.
function machine() {
  const form = document.querySelector("form[data-time]");
  if (!form) return;
  const range = form.querySelector("[data-range]"), play = form.querySelector("[data-play]"), date = form.querySelector("[name=at]");
  const first = Date.parse(form.dataset.first), last = Date.parse(form.dataset.last), step = Number(form.dataset.step) * 1000;
  const frame = Math.max(1, Math.ceil(Number(range.max) / 180)); // a film of at most a minute and a half
  range.hidden = play.hidden = false;
  let timer = 0, playing = 0, asked = 0;

  const address = (place) => {
    const there = new URL(location.href), instant = first + place * step;
    there.pathname = new URL(form.action).pathname; // after an act that failed, the address is the act's
    if (instant >= last) there.searchParams.delete("at");
    else there.searchParams.set("at", new Date(instant).toISOString().slice(0, 19) + "Z");
    return there;
  };
  const fetched = async (there) => {
    try {
      const answer = await fetch(there, { credentials: "same-origin" });
      return answer.redirected ? null : new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch { return null; } // the page that is there stays
  };
  const show = async (place) => {
    const turn = ++asked, there = address(place);
    const page = await fetched(there);
    if (!page || turn !== asked) return;
    for (const place of ["main", ".brand", ".rail nav", ".rail .foot", ".crumbs", "footer.end"]) {
      const here = document.querySelector(place), anew = page.querySelector(place);
      if (!here || !anew) continue;
      here.replaceWith(anew);
      wake(anew);
    }
    const past = document.querySelector(".past"), told = page.querySelector(".past");
    if (past && told) past.replaceWith(told);
    else if (past) past.remove();
    else if (told) document.querySelector(".head").after(told);
    document.title = page.title;
    history.replaceState(null, "", there);
    listen();
  };
  const move = (place) => {
    date.value = new Date(Math.min(first + place * step, last)).toISOString().slice(0, date.type === "date" ? 10 : 16);
    range.setAttribute("aria-valuetext", date.value);
    clearTimeout(timer);
    timer = setTimeout(() => show(place), 60);
  };
  const stop = () => { clearInterval(playing); playing = 0; play.removeAttribute("aria-pressed"); };
  range.addEventListener("input", () => { stop(); move(Number(range.value)); });
  date.addEventListener("change", () => {
    stop();
    const instant = Date.parse(date.value + (date.type === "date" ? "T00:00:00Z" : "Z"));
    if (Number.isNaN(instant)) return;
    range.value = String(Math.round((instant - first) / step));
    move(Number(range.value));
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  play.addEventListener("click", () => {
    if (playing) return stop();
    play.setAttribute("aria-pressed", "true");
    if (Number(range.value) >= Number(range.max)) range.value = "0";
    playing = setInterval(() => {
      if (Number(range.value) >= Number(range.max)) return stop();
      range.value = String(Number(range.value) + frame);
      move(Number(range.value));
    }, 450);
  });
}

// Hover: what a mark says is shown at once, for the pointer and for whoever comes by keyboard.
function hover() {
  const tip = document.querySelector(".tip");
  if (!tip) return;
  const told = (node) => node?.closest?.("[data-tip]");
  const place = (x, y) => {
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(x + 12, innerWidth - box.width - 8)) + "px";
    tip.style.top = (y + box.height + 24 > innerHeight ? y - box.height - 10 : y + 16) + "px";
  };
  const over = (mark, x, y) => {
    tip.hidden = !mark;
    if (!mark) return;
    mark.querySelector(":scope > title")?.remove(); // else the browser says the same a second time
    tip.textContent = mark.dataset.tip;
    place(x, y);
  };
  document.addEventListener("pointermove", (event) => over(told(event.target), event.clientX, event.clientY), { passive: true });
  document.addEventListener("focusin", (event) => {
    const mark = told(event.target), box = mark?.getBoundingClientRect();
    over(mark, box?.left ?? 0, box?.bottom ?? 0);
  });
  document.addEventListener("focusout", () => { tip.hidden = true; });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
}

function theme() {
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-theme-switch]")) return;
    const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme ?? (dark ? "dark" : "light"), next = now === "dark" ? "light" : "dark";
    root.dataset.theme = next;
    try { localStorage.setItem("baton-theme", next); } catch { /* kept for this page only */ }
  });
}

// A picture of the page as a file: drawn by the browser, with the colours that are shown.
function pictures() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-save-picture]");
    const shown = [...(button?.closest("figure, section")?.querySelectorAll("svg.pic") ?? [])];
    const svg = shown.find((each) => each.getBoundingClientRect().width); // of the wide and the narrow one, the one that is seen
    if (!svg) return;
    const copy = svg.cloneNode(true), from = [svg, ...svg.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
    from.forEach((node, place) => {
      const seen = getComputedStyle(node);
      for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-family", "font-weight", "text-anchor"]) to[place].setAttribute(name, seen.getPropertyValue(name));
    });
    const { width, height } = svg.getBoundingClientRect(), image = new Image(), canvas = document.createElement("canvas");
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(new XMLSerializer().serializeToString(copy));
    await image.decode();
    canvas.width = width * 2;
    canvas.height = height * 2;
    const pen = canvas.getContext("2d");
    pen.fillStyle = getComputedStyle(document.body).getPropertyValue("--raised");
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    const link = document.createElement("a");
    link.download = (button.dataset.savePicture || "picture") + ".png";
    link.href = canvas.toDataURL("image/png");
    link.click();
  });
}

wake(document);
listen();
machine();
hover();
theme();
pictures();
