interface Shape {
  area: number;
}

type Kind = 'a' | 'b';

function f(s: Shape, k: Kind): never {
  throw new Error(`${k} ${s.area}`); // HERE
}
f({ area: 1 }, 'a');
