// What is wrong with the page for somebody who cannot see it well, hear it, or hit small things: a list of sentences.
// Criteria are those of WCAG 2.2. Colours are asked for in the scheme that is emulated, sizes at the width that is set.
() => {
  const faults = [];
  const expectThat = (holds, fault) => { if (!holds) faults.push(fault); };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const shown = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest(".hide, .skip:not(:focus)");
  const named = (element) => `${element.localName}${element.id && "#" + element.id} "${element.textContent.trim().slice(0, 40)}"`;

  // 3.1.1, 2.4.2, 1.3.1, 2.4.6: language, title, landmarks, headings
  const headings = all("h1, h2, h3, h4, h5, h6");
  const levels = headings.map((heading) => Number(heading.localName[1]));
  expectThat(document.documentElement.lang === "en", "the page has no language");
  expectThat(levels.filter((level) => level === 1).length === 1, "not one h1");
  expectThat(levels.every((level, at) => level <= (levels[at - 1] ?? 0) + 1), "a level of headings is skipped");
  expectThat(document.title.includes(document.querySelector("h1")?.textContent), "the title does not say the h1");
  for (const landmark of ["main", "body > header"]) expectThat(all(landmark).length === 1, `not one ${landmark}`);
  for (const outside of all("body > :not(main, header, aside, .skip)")) faults.push(`${named(outside)} is in no landmark`);

  // 4.1.2, 3.3.2: names
  for (const control of all("input:not([type=hidden], [hidden])")) expectThat(control.labels.length, `${named(control)} has no label`);
  for (const control of all("a, button")) {
    expectThat(control.getAttribute("aria-label") || control.textContent.trim(), `${named(control)} has no name`);
  }
  for (const image of all("img")) expectThat(image.hasAttribute("alt"), "an image has no alternative");

  // References that lead somewhere, ids that are there once
  const ids = all("[id]").map((element) => element.id);
  expectThat(new Set(ids).size === ids.length, "an id is there twice");
  for (const attribute of ["aria-describedby", "aria-labelledby", "aria-controls", "for"]) {
    for (const element of all(`[${attribute}]`)) {
      const missing = element.getAttribute(attribute).split(" ").filter((id) => !ids.includes(id));
      expectThat(missing.length === 0, `${named(element)}: ${attribute} leads nowhere (${missing})`);
    }
  }

  // 3.3.1: what is wrong is said in words at the field
  for (const wrong of all("[aria-invalid=true]")) {
    expectThat(document.getElementById(`${wrong.id}-problem`)?.textContent.trim(), `${named(wrong)} does not say what is wrong`);
  }

  // 1.4.10: nothing to scroll sideways
  const page = document.scrollingElement;
  expectThat(page.scrollWidth <= page.clientWidth, `${page.scrollWidth} px wide in a window of ${page.clientWidth}`);

  // 2.5.8 asks for 24 px, 2.5.5 for 44; links within a sentence may be as small as 24
  for (const target of all("a, button, input:not([type=hidden])").filter(shown)) {
    const { width, height } = (target.closest("label") ?? target).getBoundingClientRect(); // all of a label can be pressed
    const least = getComputedStyle(target).display === "inline" ? 24 : 44;
    expectThat(width >= 24 && height >= least, `${named(target)} is ${Math.round(width)} × ${Math.round(height)} px`);
  }

  // 1.4.3 and 1.4.11: contrast
  const rgba = (text) => {
    const [red, green, blue, alpha = 1] = text.match(/[\d.]+/g).map(Number);
    return { red, green, blue, alpha };
  };
  const over = (top, below) => {
    const mixed = (part) => top[part] * top.alpha + below[part] * (1 - top.alpha);
    return { red: mixed("red"), green: mixed("green"), blue: mixed("blue"), alpha: 1 };
  };
  const ground = (element) => {
    if (!element) return { red: 255, green: 255, blue: 255, alpha: 1 };
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own.alpha === 1 ? own : over(own, ground(element.parentElement));
  };
  const luminance = ({ red, green, blue }) => {
    const [r, g, b] = [red, green, blue].map((part) => part / 255).map((part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const contrast = (first, second) => {
    const [darker, lighter] = [luminance(first), luminance(second)].sort((one, other) => one - other);
    return (lighter + .05) / (darker + .05);
  };
  const hasText = (element) => element.localName === "input" || [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  for (const element of all("body *").filter((one) => shown(one) && hasText(one))) {
    const behind = ground(element);
    const ratio = contrast(over(rgba(getComputedStyle(element).color), behind), behind);
    expectThat(ratio >= 4.5, `${named(element)}: contrast ${ratio.toFixed(2)}`);
  }
  for (const element of all("input:not([type=hidden]), .secondary").filter(shown)) {
    const behind = ground(element.parentElement);
    const ratio = contrast(over(rgba(getComputedStyle(element).borderTopColor), behind), behind);
    expectThat(ratio >= 3, `${named(element)}: its edge has a contrast of ${ratio.toFixed(2)}`);
  }
  return faults;
}
