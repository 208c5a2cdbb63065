// Lets the page be installed, and answer without a net. Nothing here is needed to read or to write.
if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("/service-worker.js").catch(() => {});
}
