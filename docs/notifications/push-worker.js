// A service worker that shows web push messages. Serve it from your own app.
self.addEventListener("push", (event) => {
  const { notification } = event.data.json();
  const { title, navigate, ...options } = notification;
  // A browser takes the right to push from a worker that shows nothing.
  event.waitUntil(self.registration.showNotification(title, {
    ...options, // body, and a tag: an alert's next message takes the place of the last one
    renotify: Boolean(options.tag) && options.data.type === "alert.opened",
    data: { ...options.data, navigate },
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data.navigate, self.registration.scope).href;
  event.waitUntil(self.clients.matchAll({ type: "window", includeUncontrolled: true }).then(
    async (pages) => {
      if (!pages.length) return self.clients.openWindow(url);
      const page = await pages[0].focus();
      return page.navigate(url).catch(() => self.clients.openWindow(url)); // one of another worker
    },
  ));
});
