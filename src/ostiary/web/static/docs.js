// Starts the vendored OpenAPI viewer. Nothing is fetched from elsewhere, and what is tried from here goes without
// cookies: a reader acts only with the token that they enter.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);

SwaggerUIBundle({
  domNode: document.getElementById("viewer"),
  url: document.getElementById("viewer").dataset.openapi,
  validatorUrl: null,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  docExpansion: "list",
  requestInterceptor: (request) => Object.assign(request, { credentials: "omit" }),
});
