"use strict";
// Before anything is drawn: the reader's own choice of light or dark, if there is one.
try {
  const chosen = localStorage.getItem("baton-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch { /* a browser that keeps nothing follows the system */ }
