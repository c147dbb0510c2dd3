// Finds operations by the words that are typed. Without it the page is the same but for the search.
'use strict';

(() => {
  const box = document.querySelector('.search');
  const input = box.querySelector('input');
  const none = document.querySelector('.none');
  const intro = document.querySelector('.intro');
  const contents = document.querySelector('.contents');
  const entries = [...document.querySelectorAll('[data-search]')];
  const narrow = window.matchMedia('(max-width: 900px)');
  box.hidden = false;
  if (narrow.matches) contents.open = false;
  narrow.addEventListener('change', () => {
    contents.open = !narrow.matches;
  });
  contents.addEventListener('click', (event) => {
    if (narrow.matches && event.target.closest('a')) contents.open = false;
  });

  const find = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const entry of entries) {
      entry.hidden = !words.every((word) => entry.dataset.search.includes(word));
    }
    for (const section of document.querySelectorAll('nav section, main .tag')) {
      const within = [...section.querySelectorAll('[data-search]')];
      section.hidden = words.length > 0 && within.every((entry) => entry.hidden);
    }
    intro.hidden = words.length > 0;
    none.hidden = entries.some((entry) => !entry.hidden);
  };
  input.addEventListener('input', () => {
    find();
    window.scrollTo(0, 0);
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === '/' && document.activeElement !== input && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      input.focus();
    }
    if (event.key === 'Escape' && document.activeElement === input) {
      input.value = '';
      find();
    }
  });
})();
