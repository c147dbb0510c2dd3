fn f(a: i32) -> i32 { a }

fn main() {
    let x: i32 = "text"; // HERE
    f(y); // HERE
    let unused = 1;
}
