// Conveniences only; every page works without this file.
"use strict";

const button = (label, press) => {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "secondary";
  made.textContent = label;
  made.addEventListener("click", () => press(made));
  return made;
};

for (const input of document.querySelectorAll("input[type=password]")) {
  const label = input.labels[0].textContent.toLowerCase();
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    toggle.textContent = shown ? "Hide" : "Show";
    toggle.setAttribute("aria-label", `${toggle.textContent} ${label}`);
  };
  const toggle = button("Show", () => show(input.type === "password"));
  toggle.setAttribute("aria-controls", input.id);
  show(false);
  input.after(toggle);
  // Sent as a password, whatever was shown: a browser remembers what was typed as text.
  input.form.addEventListener("submit", () => show(false));
}

// A second press while the first is on its way would be a second request.
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.ariaBusy) event.preventDefault();
    form.ariaBusy = "true";
  });
}
// Back from the history a page returns as it was left, busy.
addEventListener("pageshow", () => {
  for (const form of document.forms) form.ariaBusy = null;
});

// A choice that stands in one form and counts in another, too.
for (const copy of document.querySelectorAll("[data-mirrors]")) {
  const shown = document.querySelector(`[name=${copy.dataset.mirrors}]:not([data-mirrors])`);
  const mirror = () => { copy.checked = shown.checked; };
  shown.addEventListener("change", mirror);
  addEventListener("pageshow", mirror);
}

// Without this file a time is told in UTC.
const local = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});
for (const time of document.querySelectorAll("time")) time.textContent = local.format(new Date(time.dateTime));

for (const code of document.querySelectorAll("[data-copy]")) {
  const copy = button("Copy", async () => {
    await navigator.clipboard.writeText(code.textContent);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 2000);
  });
  copy.ariaLive = "polite";
  if (navigator.clipboard) code.after(copy);
}

for (const place of document.querySelectorAll("[data-print]")) place.append(button("Print", () => print()));

// What only passes something on, on the way to an application.
for (const form of document.querySelectorAll("form[data-submit]")) form.requestSubmit();
// The frames that tell other applications get a moment first.
for (const link of document.querySelectorAll("a[data-follow]")) setTimeout(() => location.replace(link.href), 1500);
