function f(a, b) {
  return [a, b].map((x) => {
    return x;
  };
}
