const o = {};
[1].forEach(() => {
  o.f(); // HERE
});
