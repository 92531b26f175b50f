setInterval(async () => {
  if (document.hidden) return;
  const here = document.querySelector("main");
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    here.replaceWith(fresh.querySelector("main"));
  } catch {
    here.classList.add("stale");
    here.dataset.since ??= "No answer since " + new Date().toLocaleTimeString() + ".";
  }
}, 2000);
