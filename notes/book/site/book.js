/* book.js: what every page has: light or dark, the list of contents on a phone. */
"use strict";
var Book = Book || {};
document.documentElement.classList.add("js");
