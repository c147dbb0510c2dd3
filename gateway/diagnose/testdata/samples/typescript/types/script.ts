interface Point { x: number; y: number }

const n: number = "text"; // HERE
const p: Point = { x: 1 }; // HERE
console.log(missing); // HERE
