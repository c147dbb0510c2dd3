fn at(v: &[i32], i: usize) -> i32 {
    v[i] // HERE
}

fn main() {
    println!("begin");
    at(&[1, 2, 3], 5);
}
