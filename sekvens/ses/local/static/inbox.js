// Keeps the list fresh without reloading. Without this file the page refreshes by itself.
"use strict";

const rows = document.getElementById("rows");
const news = document.getElementById("news");
let tag = "";
let total = Number(rows.dataset.total);

async function refresh() {
  if (document.hidden) return;
  let answer;
  try {
    answer = await fetch(rows.dataset.url, { headers: tag ? { "If-None-Match": tag } : {} });
  } catch {
    return; // the server is away; the next round asks again
  }
  if (answer.status !== 200) return;
  tag = answer.headers.get("ETag") || "";
  const html = await answer.text();
  const focused = document.activeElement;
  const href = rows.contains(focused) ? focused.getAttribute("href") : null;
  rows.innerHTML = html; // our own server wrote it, with everything from messages escaped
  if (href) {
    const again = Array.from(rows.querySelectorAll("a")).find((a) => a.getAttribute("href") === href);
    if (again) again.focus({ preventScroll: true });
  }
  const now = Number(answer.headers.get("X-Total"));
  if (now > total) news.textContent = `${now - total} new`;
  total = now;
}

setInterval(refresh, 2000);
document.addEventListener("visibilitychange", refresh);
