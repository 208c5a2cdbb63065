// Keeps the shell (style, icon, the page for no net) and nothing of anybody's data: whatever is not
// in SHELL.kept goes to the server and is not kept. SHELL stands before this, from web/shell.py.
self.addEventListener("install", (event) => {
  const kept = caches.open(SHELL.name).then((cache) => cache.addAll(SHELL.kept));
  event.waitUntil(kept.then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => names.filter((name) => name !== SHELL.name));
  const gone = old.then((names) => Promise.all(names.map((name) => caches.delete(name))));
  event.waitUntil(gone.then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const request = event.request;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => caches.match(SHELL.offline)));
  } else if (SHELL.kept.includes(url.pathname)) {
    event.respondWith(fetch(request).catch(() => caches.match(request)));
  }
});
