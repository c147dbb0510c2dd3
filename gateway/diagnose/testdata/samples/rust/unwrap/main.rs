fn main() {
    let n: i32 = "no number".parse().unwrap(); // HERE
    println!("{}", n);
}
