// Passkeys and security keys: the one thing on these pages that needs a script. What a page gives it:
//
//   <form method="post" action="…" data-passkey="get|create" data-options-url="…" [data-conditional]>
//     … its fields, csrf_token among them …
//     <input type="hidden" name="credential">
//     <button hidden>…</button>
//     <p role="alert" data-passkey-problem hidden></p>
//     <noscript>…what is needed…</noscript>
//   </form>
//
// The button is shown where the browser can use passkeys. When it is pressed, all fields but `credential` go to
// `data-options-url` (POST, form-urlencoded), which answers {"publicKey": …}, perhaps with a `flow` for the field of that
// name; the browser asks its person; what comes of that goes, as JSON, into `credential`, and the form is sent. With
// `data-conditional` the browser also offers its passkeys in the field with autocomplete="username webauthn", from the
// start.
// Where the options answer by a redirect, the page goes there. What goes wrong is told in `data-passkey-problem`.
//
// An element may carry signals, each JSON, that keep the providers of passkeys in step (section 5.1.10):
//   data-signal-unknown:  {"rpId", "credentialId"}: nobody here has this one (any more).
//   data-signal-accepted: {"rpId", "userId", "allAcceptedCredentialIds"}: the account has these, and no others.
//   data-signal-user:     {"rpId", "userId", "name", "displayName"}: how the account is called now.
"use strict";

(() => {
  const RENEW = 240_000; // milliseconds: a challenge that is offered in a field must not expire while the page is open

  const PROBLEMS = {
    NotAllowedError: "That was cancelled, or took too long. Try again, or choose another way.",
    InvalidStateError: "This device or key has a passkey of this account already.",
    NotSupportedError: "This device or key cannot be used here.",
    ConstraintError: "This key has no PIN or no room for another passkey. Set it up first, or use another one.",
    SecurityError: "Passkeys cannot be used at this address.",
  };
  const UNREACHABLE = "The server does not answer. Try again.";
  const OTHER = "That did not work. Reload the page and try again.";

  class Refused extends Error {} // with a message for people
  class Elsewhere extends Error {} // the page is being left

  const decode = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  const encode = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const named = (list) => (list || []).map((each) => ({ ...each, id: decode(each.id) }));

  // The browser's own reader and writer where it has them (2023 to 2025), else the same by hand.
  const optionsOf = (kind, json) => {
    const own = kind === "get" ? "parseRequestOptionsFromJSON" : "parseCreationOptionsFromJSON";
    if (PublicKeyCredential[own]) return PublicKeyCredential[own](json);
    const read = { ...json, challenge: decode(json.challenge) };
    if (kind === "get") return { ...read, allowCredentials: named(json.allowCredentials) };
    return {
      ...read, user: { ...json.user, id: decode(json.user.id) }, excludeCredentials: named(json.excludeCredentials),
    };
  };
  const jsonOf = (credential) => {
    try {
      return credential.toJSON();
    } catch { // an older browser, or an extension that stands in for one
      const { response } = credential;
      const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
      const written = parts.filter((name) => response[name]).map((name) => [name, encode(response[name])]);
      return {
        id: credential.id,
        rawId: encode(credential.rawId),
        type: credential.type,
        authenticatorAttachment: credential.authenticatorAttachment || undefined,
        clientExtensionResults: credential.getClientExtensionResults(),
        response: { ...Object.fromEntries(written), transports: response.getTransports?.() },
      };
    }
  };

  const options = async (form, signal) => {
    const fields = new URLSearchParams(new FormData(form));
    fields.delete("credential");
    const asked = { method: "POST", body: fields, headers: { Accept: "application/json" }, signal };
    const answer = await fetch(form.dataset.optionsUrl, asked).catch((error) => {
      throw error.name === "AbortError" ? error : new Refused(UNREACHABLE);
    });
    if (answer.redirected) {
      location.assign(answer.url);
      throw new Elsewhere();
    }
    const read = await answer.json().catch(() => ({}));
    if (!answer.ok || !read.publicKey) throw new Refused(read.detail || read.title || OTHER);
    if (read.flow) form.elements.flow.value = read.flow;
    return optionsOf(form.dataset.passkey, read.publicKey);
  };

  const tell = (form, problem) => {
    const place = form.querySelector("[data-passkey-problem]");
    place.textContent = problem;
    place.hidden = !problem;
  };

  const send = (form, credential) => {
    form.elements.credential.value = JSON.stringify(jsonOf(credential));
    form.ariaBusy = "true";
    form.submit();
  };

  const failed = (form, error) => {
    if (error instanceof Elsewhere) return;
    tell(form, error instanceof Refused ? error.message : PROBLEMS[error.name] || OTHER);
  };

  // Passkeys among what the browser fills in: the ceremony waits, as long as the page is open, until one is chosen.
  const offer = async (form, state) => {
    while (!state.pressed) {
      const { signal } = (state.controller = new AbortController());
      const timer = setTimeout(() => {
        if (!document.hidden) state.controller.abort();
        else document.addEventListener("visibilitychange", () => state.controller.abort(), { once: true, signal });
      }, RENEW);
      try {
        const publicKey = await options(form, signal);
        send(form, await navigator.credentials.get({ publicKey, mediation: "conditional", signal }));
        return;
      } catch (error) {
        // Nobody has pressed anything, so what cannot be offered is told only if the server says why.
        if (!signal.aborted && error instanceof Refused) failed(form, error);
        if (!signal.aborted) return;
      } finally {
        clearTimeout(timer);
      }
    }
  };

  const press = async (form, state) => {
    if (state.pressed) return;
    state.pressed = true;
    tell(form, "");
    form.ariaBusy = "true";
    try {
      // One ceremony at a time, and one challenge: the offer's is over before another is asked for.
      state.controller?.abort();
      await state.offer;
      const publicKey = await options(form);
      send(form, await navigator.credentials[form.dataset.passkey]({ publicKey }));
    } catch (error) {
      form.ariaBusy = null;
      state.pressed = false;
      failed(form, error);
      if (state.offer) state.offer = offer(form, state);
    }
  };

  const prepare = async (form) => {
    const conditional = "conditional" in form.dataset;
    if (typeof PublicKeyCredential !== "function") {
      if (!conditional) tell(form, "This browser cannot use passkeys here.");
      return;
    }
    const state = { pressed: false };
    for (const button of form.querySelectorAll("button[hidden]")) button.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      press(form, state);
    });
    // Back from the history a page returns as it was left.
    addEventListener("pageshow", ({ persisted }) => {
      if (!persisted) return;
      state.pressed = false;
      if (state.offer) state.offer = offer(form, state);
    });
    const able = conditional && await PublicKeyCredential.isConditionalMediationAvailable?.();
    if (able && !state.pressed) state.offer = offer(form, state);
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) prepare(form);

  const SIGNALS = {
    signalUnknown: "signalUnknownCredential",
    signalAccepted: "signalAllAcceptedCredentials",
    signalUser: "signalCurrentUserDetails",
  };
  for (const [attribute, method] of Object.entries(SIGNALS)) {
    const name = attribute.replace("signal", "signal-").toLowerCase();
    for (const element of document.querySelectorAll(`[data-${name}]`)) {
      const told = globalThis.PublicKeyCredential?.[method]?.(JSON.parse(element.dataset[attribute]));
      told?.catch(() => {}); // a courtesy to the provider; nothing here depends on it
    }
  }
})();
