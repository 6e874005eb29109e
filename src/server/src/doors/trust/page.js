// Finds out whether this device trusts the house. Without this script the links on the page do the same by hand.
"use strict";
{
  const { state, open, waiting, trusted, took, warned } = document.currentScript.dataset;
  const element = (id) => document.getElementById(id);

  // A handshake with a certificate that is not trusted fails before anything is sent; the answer itself is of no interest.
  const answers = (address) =>
    fetch(`${address}/healthz`, { mode: "no-cors", cache: "no-store", credentials: "omit" }).then(() => true, () => false);

  const look = async () => {
    for (const link of document.querySelectorAll("[data-probe]")) {
      if (!(await answers(link.dataset.probe))) continue;
      element(state).textContent = trusted;
      element(state).className = "good";
      element(open).hidden = false;
      element(open).querySelector("a").href = `${link.dataset.probe}/`;
      return;
    }
    element(state).textContent = waiting;
    setTimeout(look, 2500);
  };

  // Whoever clicked a warning away sees this page too. A service worker is refused then, with this very error.
  const ask = async () => {
    if (!isSecureContext || location.protocol !== "https:" || !("serviceWorker" in navigator)) return;
    try {
      const worker = await navigator.serviceWorker.register("/trust/worker.js", { scope: "/trust/worker/" });
      await worker.unregister();
    } catch (error) {
      if (error.name !== "SecurityError") return;
      element(took).hidden = true;
      element(warned).hidden = false;
    }
  };

  if (state) look();
  if (took) ask();
}
