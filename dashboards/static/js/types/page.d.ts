// What tsc cannot know: the elements that our templates made. A selector finds an element of the page, which may be a
// control, a form or a <details>; which one it is, the browser tests show.

interface PageElement extends HTMLElement {
  value?: string;
  placeholder?: string;
  checked?: boolean;
  disabled?: boolean;
  open?: boolean;
  name?: string;
  elements?: any;
}

interface ParentNode {
  querySelector(selectors: string): PageElement | null;
  querySelectorAll(selectors: string): NodeListOf<PageElement>;
}

interface Element {
  closest(selector: string): PageElement | null;
}

interface Document {
  getElementById(elementId: string): PageElement | null;
}
