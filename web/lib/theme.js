// @ts-check
// Light or dark, where somebody chose it: applied before anything is drawn.
const theme = localStorage.getItem('vesta.theme');
if (theme) document.documentElement.dataset.theme = theme;
