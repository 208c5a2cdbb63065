"use strict";

// A write by the session cookie has to show the CSRF token that stands in a cookie of its own.
function csrfToken() {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  return cookie && decodeURIComponent(cookie.slice("csrftoken=".length));
}

const page = document.getElementById("swagger-ui");

SwaggerUIBundle({
  domNode: page,
  urls: [
    { name: "Financial Alerts", url: page.dataset.api },
    { name: "Accounts (sign-up, login, second factors)", url: page.dataset.accounts },
  ],
  layout: "StandaloneLayout",
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  deepLinking: true,
  docExpansion: "none",
  // Otherwise the documents would be shown to a validator of somebody else's.
  validatorUrl: null,
  requestInterceptor(request) {
    const token = csrfToken();
    const ours = new URL(request.url, location.href).origin === location.origin;
    if (token && ours && !["GET", "HEAD"].includes((request.method || "GET").toUpperCase())) {
      request.headers["X-CSRFToken"] ||= token;
    }
    return request;
  },
});
