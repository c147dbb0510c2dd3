interface A {
  b?: { c: number };
}
const list: A[] = [{}];
for (const a of list) {
  console.log(a.b!.c); // HERE
}
