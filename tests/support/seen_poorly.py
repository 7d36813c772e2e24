"""What people miss who do not see a page, or see it poorly: controls without names, text too faint."""

from typing import Any

from playwright.sync_api import Page

UNNAMED = """(within) => {
  const asked = `${within} :is(button, select, input, textarea, [role=img], [tabindex='0'])`;
  const name = (element) => element.getAttribute("aria-label") || element.textContent.trim();
  return [...document.querySelectorAll(asked)]
    .filter((element) => element.checkVisibility() && !name(element) && !element.labels?.length)
    .map((element) => element.outerHTML.slice(0, 200));
}"""
# The contrast of every visible text with what lies behind it; what is disabled does not count (WCAG 1.4.3).
FAINT = """(within) => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (c) => (c <= 10.31 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const groundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a = 1] = numbers(getComputedStyle(at).backgroundColor);
      if (a > 0.5) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.querySelector(within), NodeFilter.SHOW_TEXT);
  const faint = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility() || element.closest(":disabled, .sisa-x-words")) continue;
    const { color, fill } = getComputedStyle(element), ink = element instanceof SVGElement ? fill : color;
    const [one, other] = [numbers(ink), groundOf(element)].map(luminance);
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) faint.push([element.className || element.tagName, text.slice(0, 30), contrast]);
  }
  return faint;
}"""


def unnamed(page: Page, within: str) -> list[str]:
    """Visible controls and pictures without a name, as HTML."""
    return page.evaluate(UNNAMED, within)


def faint(page: Page, within: str) -> list[Any]:
    """Visible texts of the first such element with a contrast below 4.5 : class, text and contrast."""
    return page.evaluate(FAINT, within)
