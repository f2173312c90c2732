// What pages do beyond being read: they work without it. Nothing is sent anywhere but to the page's own server.
"use strict";

const fetched = async (address) => {
  const answer = await fetch(address, { credentials: "same-origin" });
  return answer.ok ? answer : Promise.reject(answer.status);
};
const parsed = async (address) => new DOMParser().parseFromString(await (await fetched(address)).text(), "text/html");

// A part that takes longer than the page.
for (const part of document.querySelectorAll("[data-part]")) {
  parsed(part.dataset.part).then((page) => {
    const found = page.getElementById("part");
    if (found) part.replaceChildren(...found.childNodes);
  }).catch(() => {});
}

// A list whose page ended because time was up looks on by itself, until a page is full.
const lookOn = async () => {
  const list = document.querySelector("[data-list]");
  for (let steps = 0; list && steps < 200; steps += 1) {
    const next = document.querySelector(".more a.on");
    if (!next || list.children.length >= 50) return;
    const page = await parsed(next.href);
    const found = page.querySelector("[data-list]");
    if (!found) return;
    list.append(...found.children);
    document.querySelector(".more").replaceWith(page.querySelector(".more"));
  }
};
if (!location.pathname.endsWith("/search")) lookOn().catch(() => {});

// A run that grows.
const growing = document.querySelector("[data-refresh]");
if (growing) {
  setInterval(async () => {
    if (document.hidden || document.activeElement?.tagName === "INPUT") return;
    try {
      const page = await parsed(location.href);
      const main = page.querySelector("main");
      if (!main.dataset.refresh) location.reload();
      else if (main.innerHTML !== growing.innerHTML) growing.replaceChildren(...main.childNodes);
    } catch { /* the program has ended, or is busy: the next look may tell */ }
  }, 1000 * Number(growing.dataset.refresh));
}

// Tokens: what is pointed at, or reached by arrow keys, says its id and positions.
const holder = document.querySelector("[data-positions]");
const said = document.getElementById("token");
let numbers = null;
const numbersOf = () => (numbers ??= fetched(holder.dataset.positions).then((answer) => answer.json()));
const leaves = new WeakMap();
const leavesOf = (text) => {
  if (!leaves.has(text)) {
    let at = Number(text.dataset.first);
    leaves.set(text, [...text.querySelectorAll("i, .pads")].map((leaf) => {
      const first = at;
      at += Number(leaf.dataset.n ?? 1);
      return { leaf, first, count: at - first };
    }));
  }
  return leaves.get(text);
};
let marked = null;
const say = async (text, place) => {
  const found = leavesOf(text)[place];
  if (!found) return;
  marked?.classList.remove("at");
  marked = found.leaf;
  marked.classList.add("at");
  const { ids, labels, positions } = await numbersOf();
  if (marked !== found.leaf) return;
  const last = found.first + found.count - 1;
  const of = (row, at) => positions[row][at];
  const where = (at) => positions.length < 4 ? `position ${of(0, at)}`
    : `position ${of(0, at)}, time ${of(1, at)}, height ${of(2, at)}, width ${of(3, at)}`;
  const token = found.count > 1 ? `tokens ${found.first} to ${last}` : `token ${found.first}`;
  const to = found.count > 1 ? `; to ${where(last)}` : "";
  const learned = labels[found.first] >= 0 ? "supervised" : "not supervised";
  said.textContent = `${token}: id ${ids[found.first]}, ${where(found.first)}${to}; ${learned}`;
  said.hidden = false;
};
if (holder && said) {
  const textOf = (node) => node.closest?.(".tokens");
  holder.addEventListener("mouseover", (event) => {
    const leaf = event.target.closest("i, .pads");
    const text = leaf && textOf(leaf);
    if (text) say(text, leavesOf(text).findIndex((one) => one.leaf === leaf)).catch(() => {});
  });
  const current = new WeakMap();
  holder.addEventListener("keydown", (event) => {
    const text = textOf(event.target);
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (!text || step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const most = leavesOf(text).length - 1;
    const place = Math.min(Math.max((current.get(text) ?? -1) + step, 0), most);
    current.set(text, place);
    leavesOf(text)[place].leaf.scrollIntoView({ block: "nearest" });
    say(text, place).catch(() => {});
  });
  holder.addEventListener("focusin", (event) => {
    const text = textOf(event.target);
    if (text && !current.has(text)) { current.set(text, 0); say(text, 0).catch(() => {}); }
  });
}

// Previous and next, where nothing is typed.
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest?.("input, .tokens")) return;
  const link = { j: "next", k: "prev" }[event.key];
  if (link) document.querySelector(`a[rel=${link}]`)?.click();
  if (event.key === "/") { document.querySelector("form.search input")?.focus(); event.preventDefault(); }
});
