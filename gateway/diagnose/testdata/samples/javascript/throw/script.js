function f(x) {
  throw new RangeError(`no ${x}`); // HERE
}
console.log('begin');
f(1);
