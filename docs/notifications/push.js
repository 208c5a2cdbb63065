// Web push in a page: import { turnOn, renew, turnOff } from "./push.js".
// ask: (method, path, body) => the JSON of the API's answer, with the credential of your app;
// it rejects where the status is not 2xx.
const WORKER = "push-worker.js"; // beside the page

// When the user presses a button: the browser asks for permission only then.
export async function turnOn(ask) {
  if (await Notification.requestPermission() !== "granted") return null;
  return subscribe(ask);
}

// At each start of the app: subscriptions come to an end, and this one has to be of the user who
// is logged in now.
export async function renew(ask) {
  const worker = await navigator.serviceWorker.getRegistration();
  const subscription = await worker?.pushManager.getSubscription();
  return subscription ? subscribe(ask) : null;
}

// Before the user logs out: the next one at this browser must not see the alerts.
export async function turnOff(ask) {
  const worker = await navigator.serviceWorker.getRegistration();
  const subscription = await worker?.pushManager.getSubscription();
  if (!subscription) return;
  await subscription.unsubscribe(); // first: from here on nothing is shown, whatever happens
  const { id } = await ask("POST", "/api/push", subscription.toJSON());
  await ask("DELETE", `/api/push/${id}`);
}

async function subscribe(ask) {
  await navigator.serviceWorker.register(WORKER);
  const worker = await navigator.serviceWorker.ready;
  const { key } = await ask("GET", "/api/push/key");
  let subscription = await worker.pushManager.getSubscription();
  if (subscription && base64url(subscription.options.applicationServerKey) !== key) {
    await subscription.unsubscribe(); // of a key that the service no longer has
    subscription = null;
  }
  subscription ??= await worker.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: key,
  });
  return ask("POST", "/api/push", subscription.toJSON());
}

function base64url(buffer) {
  const text = btoa(String.fromCharCode(...new Uint8Array(buffer)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
